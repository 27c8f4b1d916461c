"""What a person is told in a sentence."""


class MonitoringError(Exception):
    """Something given cannot be used; the message says what, where, and what is allowed."""
