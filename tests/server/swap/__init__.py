"""Versions of a model that change while a server answers."""
