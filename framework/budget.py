"""What a version of a model may cost."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """The most that a version may take which is to be promoted.

    Attributes:
        milliseconds: CPU time of answering one record, encoding and all.
        megabytes: Size of the model's own files.
    """

    milliseconds: float = 10.0
    megabytes: float = 256.0

    def __post_init__(self) -> None:
        if not (self.milliseconds > 0 and self.megabytes > 0):
            raise ValueError(f"{self}: both should be above 0.")
