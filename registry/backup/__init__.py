"""Copies of what is served and known: all of it as a backup, or one version to another stage."""
