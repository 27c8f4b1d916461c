"""A model's part of service.py."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

from framework.discovery import ROOT
from framework.scaffold.code import methods_code, type_names
from framework.scaffold.errors import ScaffoldError
from framework.scaffold.service_file import Part, names_in, with_model, without_model
from tests.unit.scaffold.conftest import SERVICE

NAMES = ["wine", "beer", "a_wine_with_a_long_name", "an_even_longer_name_of_a_wine", "cider", "tea"]


@functools.cache
def part(name: str) -> Part:
    record, answer = type_names(name, "records", ())
    return Part(name, [record, answer], methods_code(name, "records", record, answer, "", ROOT))


def served(names: list[str]) -> str:
    text = SERVICE
    for name in names:
        text = with_model(text, part(name))
    return text


def test_the_first_model_gets_imports_selection_and_method() -> None:
    text = served(["wine"])

    assert "from models import wine\nfrom models.wine import WinePrediction, WineRecord\n" in text
    assert "from serving import BATCHED, ServedModels, load_settings\n" in text
    assert "MODELS = ServedModels.select(wine.MODEL)\n" in text
    assert text.endswith(f"        MODELS.load()\n\n{part('wine').methods}")


def test_imports_stay_in_order() -> None:
    text = served(["wine", "beer"])

    assert (
        "from models import beer, wine\n"
        "from models.beer import BeerPrediction, BeerRecord\n"
        "from models.wine import WinePrediction, WineRecord\n"
        "from serving import BATCHED"
    ) in text
    assert "ServedModels.select(wine.MODEL, beer.MODEL)" in text


@pytest.mark.parametrize("count", range(len(NAMES) + 1))
def test_the_text_stays_as_ruff_would_write_it(count: int) -> None:
    text = served(NAMES[:count])

    ast.parse(text)
    for command in (["check", "--select", "I,F"], ["format", "--check"]):
        ran = subprocess.run(
            [Path(sys.executable).parent / "ruff", *command, "--stdin-filename", "service.py", "-"],
            input=text,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("count", range(len(NAMES)))
def test_taking_the_newest_out_gives_the_text_before(count: int) -> None:
    before = served(NAMES[:count])

    assert without_model(with_model(before, part(NAMES[count])), NAMES[count]) == before


@pytest.mark.parametrize("at", range(len(NAMES)))
def test_taking_any_out_gives_the_text_without_it(at: int) -> None:
    rest = [name for name in NAMES if name != NAMES[at]]

    assert without_model(served(NAMES), NAMES[at]) == served(rest)


def test_all_can_be_taken_out() -> None:
    text = served(NAMES)
    for name in NAMES:
        text = without_model(text, name)

    assert text == SERVICE


def test_a_list_by_hand_keeps_its_lines() -> None:
    text = SERVICE.replace("select()", "select(\n    # Some.\n)")
    by_hand = served(["wine"]).replace("select(wine.MODEL)", "select(\n    wine.MODEL,\n)")

    assert "select(\n    wine.MODEL,\n    beer.MODEL,\n)" in with_model(by_hand, part("beer"))
    assert without_model(with_model(by_hand, part("beer")), "beer") == by_hand
    with pytest.raises(ScaffoldError, match="line 10: the models of "):
        with_model(text, part("wine"))


def test_methods_written_by_hand_go_too_with_their_comments() -> None:
    text = served(["wine", "beer"])
    more = """
    # Why a wine
    # is one.
    @bentoml.api(route="/wine/explain", input_spec=wine.MODEL.request)
    def explain(self, rows: list[WineRecord]) -> list[WinePrediction]:
        return self.models["wine"].explain(rows)
"""
    place = text.index('\n    @bentoml.api(route="/beer')

    assert without_model(text[:place] + more + text[place:], "wine") == served(["beer"])


@pytest.mark.parametrize(
    ("old", "message"),
    [
        ("MODELS = ServedModels.select()", "no statement `MODELS = ServedModels.select"),
        ("@bentoml.service(", "no class under @bentoml.service"),
    ],
)
def test_a_service_without_a_place_is_refused(old: str, message: str) -> None:
    text = SERVICE.replace(old, old.replace("select", "chosen").replace("service(", "worker("))

    with pytest.raises(ScaffoldError) as refused:
        with_model(text, part("wine"))
    assert message in str(refused.value)


def test_names_that_mean_something_are_known() -> None:
    names = names_in(served(["wine"]))

    assert {"bentoml", "SETTINGS", "ModelServer", "wine", "WineRecord", "load_settings"} <= names


def test_the_service_of_this_repository_has_a_place() -> None:
    text = (ROOT / "service.py").read_text(encoding="utf-8")

    assert without_model(with_model(text, part("a_wine")), "a_wine") == text
