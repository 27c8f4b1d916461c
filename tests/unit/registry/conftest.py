"""A BentoML home with two versions of a model, and an empty database of each kind."""

import shutil
from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.unit.registry.made import done, write_tables


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A table of right rows, and one of which a third is wrong."""
    return write_tables(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="session")
def trained_home(tables: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a version that is champion, and a later one that is better; not to be changed."""
    home = tmp_path_factory.mktemp("registry-home")
    done(home, "train", "v1", str(tables[1]))
    done(home, "list")
    done(home, "train", "v2", str(tables[0]))
    return home


@pytest.fixture
def home(trained_home: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(trained_home, tmp_path / "home"))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'elsewhere.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()
