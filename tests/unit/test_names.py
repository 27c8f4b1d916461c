"""A model's name stands in its folder and in `service.py`, and nowhere else."""

import re
import subprocess

import pytest

from deploy.processes import ROOT
from framework.discovery import model_names

# What may tell of particular models: documents, examples, stored results, and other models.
EXEMPT = ("docs/", "examples/", "load_tests/results/", "tests/models/")
EXEMPT_FILES = ("service.py", "README.md", "CHANGELOG.md")


@pytest.mark.parametrize("name", model_names())
def test_no_other_file_names_a_model(name: str) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    exempt = (*EXEMPT, f"models/{name}/")
    word = re.compile(rf"(?<![a-z0-9]){name}(?![a-z0-9])", re.IGNORECASE)

    found = [
        f"{path}:{number}: {line.strip()}"
        for path in tracked
        if path and path not in EXEMPT_FILES and not path.startswith(exempt)
        for number, line in enumerate(_lines(path), 1)
        if word.search(line)
    ]

    assert not found, (
        f"{len(found)} lines name the model {name}; find it by `framework.discovery`, or "
        "move what is particular to it into its folder:\n" + "\n".join(found)
    )


def _lines(path: str) -> list[str]:
    """The lines of a tracked text file; none of a binary one, or of one that is deleted."""
    try:
        return (ROOT / path).read_text(encoding="utf-8").splitlines()
    except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
        return []
