"""Adaptive batching: many requests, one call of the model."""
