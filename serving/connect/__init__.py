"""The Connect protocol: the methods of typed services, one HTTP request each, on the HTTP port."""
