"""What a person is told in a sentence."""


class RegistryError(Exception):
    """Something cannot be done; the message says what, why, and what to do."""


class NothingToDoError(RegistryError):
    """There is no reason to do what a schedule asks for; the message says why."""
