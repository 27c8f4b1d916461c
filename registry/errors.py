"""What a person is told in a sentence."""


class RegistryError(Exception):
    """Something cannot be done; the message says what, why, and what to do."""
