"""The fixtures of `tests/plugin.py`, for the tests of the project and of each model's folder."""

pytest_plugins = ["tests.plugin"]
