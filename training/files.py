"""Names of the files of a stored version that are not the model's own."""

from pathlib import Path

import bentoml

from framework.card import CARD_FILE
from framework.gate import GATE_FILE

REPORT_FILE, LEARNT_FILE = "report.html", "learnt.bin"
ABOUT = frozenset({"model.yaml", CARD_FILE, REPORT_FILE, LEARNT_FILE, GATE_FILE})
"""Files that tell of a model; all others are what answers."""


def own_files(stored: bentoml.Model) -> list[Path]:
    """Returns the files of a stored model that are its own, sorted."""
    found = (path for path in Path(stored.path).rglob("*") if path.is_file())
    return sorted(path for path in found if path.name not in ABOUT)
