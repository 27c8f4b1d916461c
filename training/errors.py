"""The one exception that training raises on purpose."""


class TrainingError(Exception):
    """Training cannot go on; the message tells a person what is wrong, where, and what is allowed.

    Nothing has been written to the model store when it is raised.
    """
