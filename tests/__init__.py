"""The test suite: unit tests, one contract suite for every surface, and real servers."""
