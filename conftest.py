"""The fixtures of `tests/plugin.py`, for the tests of the project and of each model's folder."""

# As other processes have it, before the adapter hides what it can be used with: the benchmark's
# baselines are tested beside the server's own code.
import lightgbm  # noqa: F401

pytest_plugins = ["tests.plugin"]
