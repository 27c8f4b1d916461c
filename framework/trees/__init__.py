"""Boosted trees, scored by native code that is compiled once and reads any model's trees."""
