"""Who may ask what: API keys, scopes, and the file of them that one writes and another reads."""
