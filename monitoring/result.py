"""What a check found, as it is written down."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from monitoring.drift.verdict import State, Window
from monitoring.performance.measures import Measure

STEADY, ALARM, NO_VERDICT = 0, 1, 3
"""Exit codes; 2 is for what cannot be used."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Refused(_Frozen):
    """Requests that got no answer, in the time of the rows that were looked at."""

    requests: int
    by_code: dict[str, int] = Field(description="Error code → requests, the most frequent first.")
    by_place: dict[str, int] = Field(
        description="Place and kind of the first problem → requests, the ten most frequent."
    )


class Drift(_Frozen):
    """Whether the rows come from elsewhere than those that the model was measured on."""

    state: State
    sentence: str = Field(description="The same for people.")
    judged: int = Field(description="Windows that this check has judged.")
    waiting: int = Field(description="New distinct records that are no window yet.")
    windows: list[Window] = Field(description="The windows judged so far, the last one last.")


class Performance(_Frozen):
    """What the answers were worth."""

    sentence: str
    answered: int = Field(description="Rows that were looked at, the newest.")
    labelled: int = Field(description="How many of these have a label.")
    unfit: int = Field(description="Labels that are none of the task's.")
    elsewhere: int = Field(description="Labels of other rows: older ones, or another version's.")
    newest_label: datetime | None = Field(description="Time of the newest label of the model.")
    median_delay_seconds: float | None = Field(description="From an answer to its label.")
    longest_delay_seconds: float | None = Field(description="The same, of 95 % of the labels.")
    measures: list[Measure]

    @property
    def worse(self) -> list[Measure]:
        """What is worse than the card promises."""
        return [one for one in self.measures if one.worse]


class Result(_Frozen):
    """What a check of one version of a model found."""

    form: Literal[1] = 1
    model: str
    version: str
    checked_at: datetime
    rows: int = Field(description="Rows that were looked at, the newest.")
    incomplete: int = Field(description="Rows left out: they lack a field.")
    left_out: list[str] = Field(description="Fields that the record does not keep.")
    drift: Drift
    refused: Refused
    performance: Performance | None = Field(description="None without labels.")

    @property
    def is_alarm(self) -> bool:
        """Whether somebody should look."""
        worse = self.performance is not None and bool(self.performance.worse)
        return self.drift.state == "alarm" or worse

    @property
    def exit_code(self) -> int:
        """Exit code of the command."""
        if self.is_alarm:
            return ALARM
        return NO_VERDICT if self.drift.state == "unknown" else STEADY
