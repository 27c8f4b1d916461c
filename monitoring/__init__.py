"""What becomes of a model in use: its record, its labels, whether its world is still the same.

It runs beside the server and reads what the server wrote; see `python -m monitoring --help`.
"""
