"""Who may ask a server: `python -m security` makes, lists and revokes API keys."""
