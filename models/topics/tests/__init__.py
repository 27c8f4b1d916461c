"""Tests of what is particular to this model."""
