"""The rows that are sent: real ones where their files are given, else simulated ones."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.attrition.schema import Employee
from models.topics.features import project_text
from models.topics.schema import Text
from training import simulation
from training.data import Table, load

TOPICS_FILE = "ml_projects.csv"
SEED = 7


@dataclass(frozen=True)
class Data:
    """What is sent, as clients would write it, and where it came from."""

    employees: list[dict[str, Any]]
    left: list[int]
    texts: list[dict[str, Any]]
    sources: dict[str, str]


def read(attrition: str | None, topics: str | None) -> Data:
    """Reads the rows to send.

    Args:
        attrition: Path of the turnover data; simulated rows if not given.
        topics: Path of the projects; if not given, `ml_projects.csv` beside the turnover data
            where it is there, else simulated ones.
    """
    if attrition and not topics and Path(attrition).with_name(TOPICS_FILE).is_file():
        topics = str(Path(attrition).with_name(TOPICS_FILE))
    people = load(attrition) if attrition else simulation.attrition()
    projects = load(topics) if topics else simulation.topics()
    cells = people.frame.to_dict("records")
    return Data(
        employees=[employee(row) for row in cells],
        left=[int(row["left"]) for row in cells],
        texts=[
            {"text": project_text(str(row["title"]), str(row["description"]))}
            for row in projects.frame.to_dict("records")
        ],
        sources={"attrition": _described(people), "topics": _described(projects)},
    )


def employee(cells: Mapping[Any, Any]) -> dict[str, Any]:
    """Turns the cells of a CSV row into the JSON object of an employee, in our own spelling."""
    spelt = {
        "average_monthly_hours": "average_montly_hours",
        "work_accident": "Work_accident",
        "department": "sales",
    }
    row: dict[str, Any] = {}
    for name, field in Employee.model_fields.items():
        value = cells[name] if name in cells else cells[spelt[name]]
        kind = field.annotation
        row[name] = kind(value) if kind in (int, float) else value
    Employee.model_validate(row)
    return row


def blocks(rows: Sequence[dict[str, Any]], size: int, count: int) -> list[list[dict[str, Any]]]:
    """Returns `count` different lists of `size` rows, going round the data in a shuffled order."""
    import random

    order = list(range(len(rows)))
    random.Random(SEED).shuffle(order)  # noqa: S311 - an order, not a secret
    return [
        [rows[order[(start * size + offset) % len(order)]] for offset in range(size)]
        for start in range(count)
    ]


def write(data: Data, path: Path) -> None:
    """Writes employees and whether they left, for systems that fit a model of their own."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*Employee.model_fields, "left"])
        writer.writeheader()
        for row, left in zip(data.employees, data.left, strict=True):
            writer.writerow({**row, "left": left})


def valid_text(row: dict[str, Any]) -> bool:
    """Whether the topics model takes this text."""
    try:
        Text.model_validate(row)
    except ValueError:
        return False
    return True


def _described(table: Table) -> str:
    kind = "simulated rows" if table.simulated else Path(table.source).name
    return f"{kind}, {len(table.frame):,} rows, SHA-256 {table.sha256[:12]}…"
