"""The record: every answer of a model, with the request that it answers, written down."""
