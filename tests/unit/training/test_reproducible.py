"""The same data, seed and versions give the same bytes."""

import io
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import bentoml
import pytest
import skops.io

from deploy.processes import ROOT
from framework import ModelCard
from framework.discovery import find_models
from framework.recipes import skops_archive
from tests.unit.training.conftest import NAMES, Files, Stored, Toys, sha256
from training import train


def test_another_process_writes_the_same_files(
    stored_models: dict[str, bentoml.Model], tmp_path: Path
) -> None:
    names = [name for name, model in find_models().items() if model.data]
    if not names:
        pytest.skip("no model of this repository brings data along")
    command = (
        "import sys; from training.__main__ import main\n"
        "sys.exit(max(main([name, '--name', 'again']) for name in sys.argv[1:]))"
    )
    # Another hash seed, another number of threads: neither may show in the files.
    environment = {
        "BENTOML_HOME": str(tmp_path),
        "PYTHONHASHSEED": "123",
        "OMP_NUM_THREADS": "2",
    }
    completed = subprocess.run(
        [sys.executable, "-c", command, *names],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert completed.stderr == ""
    for name in names:
        assert f"{name}:again" in completed.stdout
        written = _files(Path(stored_models[name].path))
        assert written
        assert _files(tmp_path / "models" / name / "again") == written


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_files(
    name: str, toys: Toys, models: Stored, files: Files
) -> None:
    again = train(toys[name], data=str(files[name]))
    assert _files(Path(again.path)) == _files(Path(models[name].path))
    cards = [ModelCard.read(stored) for stored in (again, models[name])]
    assert cards[0].performance == cards[1].performance
    assert cards[0].golden == cards[1].golden
    other = train(toys[name], data=str(files[name]), seed=1)
    assert _files(Path(other.path)) != _files(Path(models[name].path))


def test_the_skops_file_is_canonical_and_trusted(models: Stored) -> None:
    for name in ("notes", "plants"):
        content = Path(models[name].path_of("model.skops")).read_bytes()
        assert skops_archive.canonical(content) == content
        assert skops.io.get_untrusted_types(data=content) == []
        with ZipFile(io.BytesIO(content)) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {skops_archive.EPOCH}
        assert skops_archive.dumps(skops.io.loads(content)) == content


def _files(folder: Path) -> dict[str, str]:
    """The hashes of the model's own files."""
    return {path.name: sha256(path) for path in folder.glob("model*") if path.suffix != ".yaml"}
