"""The server's certificate, and those of its clients."""
