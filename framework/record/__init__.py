"""What the server and its monitoring both know of the record: its frames, its folder, its ids."""
