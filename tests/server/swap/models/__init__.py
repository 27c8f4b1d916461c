"""A model of which each version answers otherwise."""
