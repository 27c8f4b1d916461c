"""Labels of the toy models, in each database."""

from pathlib import Path

import pytest

from monitoring.label_store.database import Database
from monitoring.label_store.store import LabelStore
from monitoring.store import Store
from tests.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'labels.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def database(url: str, tmp_path: Path) -> Database:
    """The same, used."""
    return Database(tmp_path, url)


@pytest.fixture
def store(database: Database, tmp_path: Path) -> LabelStore:
    """Labels of a record without rows."""
    return LabelStore(database, Store(tmp_path))
