"""What a window of rows comes to, and what two of them in a row do."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from framework.reference import Reference
from monitoring.drift.statistics import chi_square, jensen_shannon, population_stability
from monitoring.observed import Observed, Position

LEVEL = 0.01
"""Share of windows without any change that drift by chance."""

State = Literal["steady", "suspected", "alarm", "unknown"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Comparison(_Frozen):
    """One column of a window beside the held-out rows."""

    column: str
    p: float = Field(description="How often chance alone makes them differ as much.")
    drifted: bool = Field(description="Whether it differs by more than chance explains.")
    tested: bool = Field(description="Whether there is anything that can differ.")
    psi: float = Field(description="Population stability index; explains, never decides.")
    jensen_shannon: float = Field(description="Distance, 0 to 1; explains, never decides.")
    unseen: int = Field(description="Rows of a category or range that no held-out row is in.")
    labels: list[str] = Field(description="Names of the bins.")
    reference: list[int] = Field(description="Held-out rows in each bin.")
    window: list[int] = Field(description="Rows of the window in each bin.")


class Window(_Frozen):
    """Rows that were judged together."""

    start: Position = Field(description="Position of the first row.")
    end: Position = Field(description="Position of the last row.")
    rows: int
    level: float = Field(description="Below it a column's p-value is no chance.")
    columns: list[Comparison] = Field(description="The columns, what differs most first.")

    @property
    def drifted(self) -> list[Comparison]:
        """The columns that differ by more than chance explains."""
        return [one for one in self.columns if one.drifted]


def judge(rows: Observed, reference: Reference) -> Window:
    """Compares the rows of a window with held-out rows."""
    columns = rows.columns
    shared = {name: bins for name, bins in reference.columns.items() if name in columns}
    counts = {name: bins.count(columns[name]) for name, bins in shared.items()}
    tests = {name: chi_square(bins.reference, counts[name]) for name, bins in shared.items()}
    level = LEVEL / max(1, sum(test.degrees > 0 for test in tests.values()))
    compared = [
        Comparison(
            column=name,
            p=tests[name].p,
            drifted=tests[name].p < level,
            tested=tests[name].degrees > 0,
            psi=population_stability(bins.reference, counts[name]),
            jensen_shannon=jensen_shannon(bins.reference, counts[name]),
            unseen=bins.unseen(columns[name]),
            labels=bins.labels,
            reference=bins.reference.tolist(),
            window=counts[name].tolist(),
        )
        for name, bins in shared.items()
    ]
    compared.sort(key=lambda one: (not one.drifted, -one.psi))
    return Window(
        start=rows.positions[0],
        end=rows.positions[-1],
        rows=len(rows),
        level=level,
        columns=compared,
    )


def state_of(windows: Sequence[Window]) -> State:
    """Returns what the windows that were judged, the last one last, come to."""
    if not windows:
        return "unknown"
    drifted = [bool(window.drifted) for window in windows[-2:]]
    if not drifted[-1]:
        return "steady"
    return "alarm" if drifted == [True, True] else "suspected"
