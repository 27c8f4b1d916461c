"""The database of labels."""

from pathlib import Path

from framework import database
from monitoring.errors import MonitoringError

FILE = "labels.db"
SCHEMA = database.Schema(
    migrations=Path(__file__).parent / "migrations",
    version_table="alembic_version",
    lock=4_713_201_126,
    refusal=MonitoringError,
)


class Database(database.Database):
    """A database of labels.

    Args:
        folder: The record's folder, which holds the database if no other is named.
        url: Of another one, such as `postgresql://user:password@host/labels`.

    Raises:
        MonitoringError: The URL is none.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        super().__init__(SCHEMA, folder / FILE, url)
