"""The database: its tables by migrations, its rights, and what is said where it cannot be used."""

import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from deploy.processes import free_port
from monitoring.errors import MonitoringError
from monitoring.label_store.database import SCHEMA, Database
from monitoring.label_store.store import Counts, LabelStore
from monitoring.label_store.tables import metadata
from monitoring.store import Store
from tests.postgres import PASSWORD
from tests.unit.monitoring.labels.made import event


def test_the_migrations_make_the_tables(database: Database) -> None:
    with database.writing() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_it_goes_down_and_up_again(
    url: str, database: Database, store: LabelStore, tmp_path: Path
) -> None:
    store.add([event()])
    with database.writing() as connection:
        command.downgrade(SCHEMA.config(connection), "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]

    again = LabelStore(Database(tmp_path, url), Store(tmp_path))
    again.add([event()])

    assert again.counts() == {"gauges": Counts(unknown=1)}


def test_tables_of_a_newer_version_are_left_alone(
    url: str, database: Database, tmp_path: Path
) -> None:
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(MonitoringError, match="another version of this code"):
        LabelStore(Database(tmp_path, url), Store(tmp_path)).counts()


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    database = Database(tmp_path)
    with database.writing():
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert modes == {f"labels.db{end}": 0o600 for end in ("", "-shm", "-wal")}


@pytest.mark.parametrize(
    "url", ["labels", "mysql://host/labels", "sqlite://", "sqlite:///:memory:", "http://host"]
)
def test_other_urls_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(MonitoringError, match="postgresql://USER:PASSWORD@HOST/NAME"):
        Database(tmp_path, url)


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    database = Database(tmp_path, f"postgresql://keeper:{PASSWORD}@127.0.0.1:{free_port()}/labels")

    with pytest.raises(MonitoringError, match="cannot be used") as raised, database.writing():
        pass

    assert "127.0.0.1" in str(raised.value)
    assert PASSWORD not in str(raised.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "labels.db").write_text("labels" * 1_000)

    with pytest.raises(MonitoringError, match="not a database"), Database(tmp_path).reading():
        pass
