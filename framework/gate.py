"""What the gate has found of a version: training finds it, the registry goes by it."""

from datetime import datetime
from pathlib import Path
from typing import Literal, Self

import bentoml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, computed_field

GATE_FILE = "gate.json"
"""Name of the report among the files of a version."""

Name = Literal["champion", "untouched", "better", "slices", "golden", "latency", "size"]


class _Frozen(BaseModel):
    # What follows from the rest is told too, and so is there when it is read again.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Check(_Frozen):
    """One thing that a version must be."""

    name: Name
    passed: bool
    sentence: str = Field(description="What was found, for people.")


class Part(_Frozen):
    """The comparison on all rows, or on those of a slice."""

    name: str = Field(description="`overall`, or a slice (`feature=value`).")
    rows: int
    champion_loss: float
    loss: float
    low: float = Field(
        description="The least that the loss is smaller by: lower end of the paired 95 % interval."
    )
    high: float = Field(
        description="The most. The intervals of slices are as wide as makes 95 % for all of them."
    )


class Cost(_Frozen):
    """What a version takes."""

    milliseconds: float = Field(description="CPU time of answering one record, the median.")
    megabytes: float = Field(description="Size of the model's own files.")


class GateReport(_Frozen):
    """A version beside the champion of its time."""

    champion: str = Field(description="Tag of the version that it was compared with.")
    champion_sha256: str = Field(description="Of that version's card.")
    time: datetime
    data: str = Field(description="Where the rows came from.")
    data_sha256: str
    rows: int = Field(description="Rows of it that neither version has learnt from.")
    loss: str = Field(description="What is compared, the smaller the better.")
    parts: list[Part]
    costs: dict[str, Cost] = Field(description="`champion` and `challenger` → what each takes.")
    checks: list[Check]

    @computed_field(description="Whether all is as it must be.")  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether all checks have passed."""
        return all(check.passed for check in self.checks)

    @classmethod
    def of(cls, stored: bentoml.Model) -> Self | None:
        """Returns the report that a version was stored with.

        None if there was no champion then, or if it is of another version of this program, which is
        as good as none.
        """
        path = Path(stored.path_of(GATE_FILE))
        try:
            return cls.model_validate_json(path.read_bytes()) if path.is_file() else None
        except ValidationError:
            return None

    @property
    def verdict(self) -> str:
        """Whether it has passed, in a word."""
        return "passed" if self.passed else "refused"

    @property
    def summary(self) -> str:
        """What was found, in a sentence: all that failed, or by how much it is better."""
        told = [one for one in self.checks if not one.passed] or [
            one for one in self.checks if one.name == "better"
        ]
        return "; ".join(check.sentence for check in told)
