"""Without a model there is nothing to measure, which `load_tests` says when it is imported."""

from framework.discovery import model_names

collect_ignore_glob = [] if model_names() else ["test_*.py"]
