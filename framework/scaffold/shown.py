"""What was decided about a table, for the terminal."""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from framework.scaffold.code import Draft
from framework.scaffold.features import RANGES


def shown(draft: Draft, data: Path) -> str:
    """Returns what was decided and why, what was written, and what to do next."""
    return "\n".join(_lines(draft, data))


def _lines(draft: Draft, data: Path) -> Iterator[str]:
    question = draft.question
    recipe = "a scikit-learn pipeline, for there are texts" if draft.texts else "LightGBM"
    yield f"{draft.name}: {', '.join(question.targets)} of {data}"
    yield f"  task    {question.task} ({question.why})"
    yield f"  recipe  {recipe}"
    yield ""
    yield from _table(
        [
            ("column", "field", "taken as", "because"),
            *((one.column, one.name, one.shown, one.why) for one in draft.features),
        ]
    )
    yield ""
    yield "Ranges are what is possible, not just what was seen:"
    yield from (f"  - {rule}" for rule in RANGES)
    yield f"Wrote models/{draft.name}/ and predict_{draft.name} in service.py."
    yield (
        f"The descriptions in models/{draft.name}/__init__.py are the names of the columns: say "
        "there what they mean, correct the ranges, and run `make protos`."
    )
    yield f"Next: {_python()} -m training {draft.name} --data {shlex.quote(str(data))}"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _python() -> str:
    """Returns how this Python was started, as short as it can be said here."""
    relative = os.path.relpath(sys.executable)
    return "python" if relative.startswith("..") else relative
