"""The pages of a run: one for users, and one for those who work on the server."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from load_tests.cells import Cell
from load_tests.results import Results
from load_tests.systems import SYSTEMS


def internals_of(page: Path) -> Path:
    """Returns the path of the page that goes into the details of another."""
    return page.with_name(f"{page.stem}-internals.md")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Writes a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cells_of(results: Results) -> list[Cell]:
    """The cells that were measured, in order."""
    return list(dict.fromkeys(one.cell for one in results.measurements))


def names_in(results: Results, cell: Cell) -> list[str]:
    """The systems that were measured in a cell."""
    measured = {one.system for one in results.measurements if one.cell == cell}
    return [name for name in SYSTEMS if name in measured]


def joined(parts: Iterable[str]) -> str:
    """Joins the parts of a page."""
    return "\n\n".join(part.rstrip() for part in parts) + "\n"
