"""What a model is refused with."""

from bentoml.exceptions import BentoMLException


class ModelRefusedError(BentoMLException):
    """A stored model that this server must not serve; the message says why and what to do."""
