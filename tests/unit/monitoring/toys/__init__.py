"""A small model with rows enough for many windows."""
