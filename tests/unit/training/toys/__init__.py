"""A small model of each task, with the kinds of fields that a table may have."""
