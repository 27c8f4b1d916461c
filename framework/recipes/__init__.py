"""Recipes: models that are fitted, stored and asked in a usual way."""
