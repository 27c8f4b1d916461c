"""Served models: one folder each, with its contract, features and predictor.

`models.card` and `models.predictor` hold what every served model shares.
"""
