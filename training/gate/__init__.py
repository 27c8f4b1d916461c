"""The gate: whether a version is better than the champion, on rows that neither has learnt from.

Each training of a model that has a champion is judged (`judge`); the report is stored with the
version, and the registry promotes what has passed.
"""
