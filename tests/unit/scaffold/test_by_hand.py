"""A model's folder that somebody wrote by hand, added to the service and taken out of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from framework.scaffold import ScaffoldError, add, remove
from tests.unit.scaffold.conftest import SERVICE, contents, imported

BY_HAND = '''"""By hand."""

from pydantic import BaseModel

from framework import Regression
from framework.recipes.lightgbm import LightGBM


class Leaf(BaseModel):
    size: float


class Age(BaseModel):
    age: float


class Reasons(BaseModel):
    raw_score: float


MODEL = LightGBM[Leaf, Age](
    name="leaves",
    record=Leaf,
    rows="leaves",
    answer=Age,
    explanation=Reasons,
    target="age",
    task=Regression(),
    sample=[{"size": 0.5}],
)
'''


def test_a_folder_by_hand_is_added_and_taken_out(place: Path) -> None:
    folder = place / "models" / "leaves"
    folder.mkdir()
    folder.joinpath("__init__.py").write_text(BY_HAND)

    with imported(place, "leaves") as model:
        add(model, place)
        with pytest.raises(ScaffoldError, match="serves 'leaves' already"):
            add(model, place)

    service = place.joinpath("service.py").read_text()
    assert "from models.leaves import Age, Leaf, Reasons\n" in service
    assert "def predict_leaves(self, leaves: list[Leaf]) -> list[Age]:" in service
    assert "def explain_leaves(self, leaves: list[Leaf]) -> list[Reasons]:" in service
    assert "rpc Explain(LeavesRequest)" in folder.joinpath("leaves.proto").read_text()
    assert folder.joinpath("leaves_pb2_grpc.py").is_file()
    ran = subprocess.run(
        [Path(sys.executable).parent / "ruff", "format", "--no-cache", "--check", "service.py"],
        cwd=place,
        check=False,
    )
    assert ran.returncode == 0

    remove("leaves", place)
    assert place.joinpath("service.py").read_text() == SERVICE


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (f"{BY_HAND}del Leaf\n", "has no name Leaf"),
        (BY_HAND.replace("Reasons", "ModelServer"), "ModelServer means something else"),
    ],
)
def test_types_that_service_cannot_name_are_refused(code: str, message: str, place: Path) -> None:
    folder = place / "models" / "leaves"
    folder.mkdir()
    folder.joinpath("__init__.py").write_text(code)
    before = contents(place)

    with imported(place, "leaves") as model, pytest.raises(ScaffoldError, match=message):
        add(model, place)

    assert contents(place) == before


def test_what_is_not_there_cannot_be_removed(place: Path) -> None:
    for name in ("kinds", "..", "__pycache__"):
        with pytest.raises(ScaffoldError, match="There is no model"):
            remove(name, place)
    assert place.joinpath("service.py").read_text() == SERVICE
