"""Which version of each model serves, and how that came about.

The history of events is append-only and tells everything; aliases and the pointer that servers
read follow from it.
"""
