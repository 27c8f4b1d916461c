"""What computes a model's answers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Computation:
    """What computes a model's answers.

    Attributes:
        by: For people: the name of the library, or of what stands in for it.
        is_compiled: Whether that is native code for the model's trees; None of a model without.
        hindrance: Why it is not, for whoever asks the server.
        detail: The same for whoever runs it, who may know where its files are.
    """

    by: str
    is_compiled: bool | None = None
    hindrance: str = ""
    detail: str = ""
