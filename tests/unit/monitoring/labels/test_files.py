"""`python -m monitoring labels`: files of labels, all of them or none, mistakes by their lines."""

import json
import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bentoml
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from framework.discovery import find_models
from monitoring.__main__ import USAGE, main
from monitoring.label_store.files import read_events
from monitoring.labels import kinds
from tests.server.toy_formula import Computed
from tests.unit.monitoring.spooled import PACKAGE, answered, convert, labels, prediction_id, spool

DIGITS = "0123456789abcdef01234567"
Ask = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module", autouse=True)
def stored() -> dict[str, bentoml.Model]:
    """The toy models, stored."""
    models = find_models(PACKAGE)
    return {name: one.store() for name, one in models.items() if isinstance(one, Computed)}


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Calls the command; returns exit code and output."""

    def call(*arguments: object) -> tuple[int, str]:
        code = main(["labels", "--record", str(tmp_path), *map(str, arguments)], PACKAGE)
        told = capsys.readouterr()
        return code, told.out + told.err

    return call


def written(tmp_path: Path, name: str, content: str) -> Path:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def read(path: Path) -> list[tuple[Any, ...]]:
    """Model, row, label, time and source of a file's labels."""
    events = read_events(path, kinds(PACKAGE))
    return [(one.model, one.row, one.label, one.time, one.source) for one in events]


def test_tables_have_text_in_their_cells(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "labels.csv",
        "\ufeffrow,prediction_id,label,time,source\n"
        f"0,gauges-{DIGITS},2.5,2026-11-02T08:00:00Z,crm\n"
        f"1,spans-{DIGITS},TRUE,,\n"
        f"1,spans-{DIGITS},0,,\n"
        f'2,windows-{DIGITS},"[1, 2, 3]",,\n'
        f"3,kinds-{DIGITS},vast,,\n",
    )

    assert read(path) == [
        ("gauges", 0, 2.5, 1_793_606_400_000_000, "crm"),
        ("spans", 1, "yes", None, ""),
        ("spans", 1, "no", None, ""),
        ("windows", 2, [1.0, 2.0, 3.0], None, ""),
        ("kinds", 3, "vast", None, ""),
    ]


def test_every_form_says_the_same(tmp_path: Path) -> None:
    ids = [f"gauges-{DIGITS}", f"gauges-{DIGITS[::-1]}"]
    time = datetime(2026, 11, 2, 8, tzinfo=UTC)
    table = pa.table({"prediction_id": ids, "row": [0, 1], "label": [1, 2], "time": [time, None]})
    pq.write_table(table, tmp_path / "labels.parquet")
    lines = [
        {"prediction_id": ids[0], "row": 0, "label": 1, "time": time.isoformat()},
        {"prediction_id": ids[1], "row": 1, "label": 2.0},
    ]
    text = "\n\n".join(map(json.dumps, lines))
    cells = f"prediction_id,row,label,time\n{ids[0]},0,1,{time}\n{ids[1]},1,2.0,\n"

    found = [
        read(tmp_path / "labels.parquet"),
        read(written(tmp_path, "labels.jsonl", text)),
        read(written(tmp_path, "labels.csv", cells)),
    ]

    assert found[0] == found[1] == found[2]
    assert [label for _, _, label, *_ in found[0]] == [1.0, 2.0]


def test_the_command_takes_and_counts(tmp_path: Path, ask: Ask) -> None:
    spool(tmp_path, [answered(1, rows=2)])
    convert(tmp_path)
    known, unknown = prediction_id(1), prediction_id(2)
    path = written(
        tmp_path,
        "labels.csv",
        f"prediction_id,row,label\n{known},0,2\n{known},1,3\n{unknown},0,4\n",
    )
    told = "gauges: 2 labels, 1 of rows not in the record\n"

    assert ask("--file", path) == (0, f"3 labels taken\n{told}")
    assert ask("--file", path) == (0, f"3 labels taken\n{told}")
    assert ask() == (0, told)


def test_mistakes_are_named_by_their_lines_and_nothing_is_taken(tmp_path: Path, ask: Ask) -> None:
    good = prediction_id(1)
    path = written(
        tmp_path,
        "labels.csv",
        "prediction_id,row,label,time\n"
        f"{good},0,2,\n"
        f"{good},0,much,\n"
        f"{good},first,1,\n"
        f"{good},,1,\n"
        f"order-66,0,1,\n"
        f"nobody-{DIGITS},0,1,\n"
        f"{good},0,1,yesterday\n"
        f"{good},0,1,2999-01-01T00:00:00Z\n"
        f"{good},0,1,,too,many\n",
    )

    code, told = ask("--file", path)

    assert code == USAGE
    lines = [line.removeprefix(f"{path}:") for line in told.splitlines()]
    assert [re.sub(", invalid.*|, input.*", "", line) for line in lines] == [
        "3: label: The label should be a finite number.",
        "4: row: Input should be a valid integer",
        "5: row: Field required",
        "6: prediction_id: This is no prediction id, such as X-Prediction-ID tells.",
        "7: prediction_id: There is no model of the name that it begins with.",
        "8: time: Input should be a valid datetime or date",
        "9: time: The time should not lie in the future.",
        "10: it should be prediction_id, row, label, time, source",
        "No label was taken.",
    ]
    assert labels(tmp_path).counts() == {}


def test_of_many_mistakes_the_first_are_told(tmp_path: Path, ask: Ask) -> None:
    _, told = ask("--file", written(tmp_path, "labels.jsonl", "[]\n" * 30))

    lines = told.splitlines()
    assert len(lines) == 22
    assert lines[-2:] == ["… and 10 more", "No label was taken."]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("labels.txt", "", "the name should end in .csv, .jsonl, .parquet"),
        ("labels.csv", "", "its columns are none; there should be prediction_id, row, label"),
        ("labels.csv", "prediction_id,row,truth\n", "its columns are prediction_id, row, truth"),
        ("labels.parquet", "no", "cannot be read"),
    ],
)
def test_what_is_no_file_of_labels_is_refused(
    tmp_path: Path, ask: Ask, name: str, content: str, said: str
) -> None:
    code, told = ask("--file", written(tmp_path, name, content))

    assert code == USAGE
    assert said in told


def test_a_file_that_is_not_there_is_named(tmp_path: Path, ask: Ask) -> None:
    code, told = ask("--file", tmp_path / "none.csv")

    assert code == USAGE
    assert "none.csv: cannot be read" in told


def test_a_model_without_a_card_is_named(tmp_path: Path, ask: Ask) -> None:
    # Put aside, not deleted: servers of other tests serve it.
    stored = Path(os.environ["BENTOML_HOME"]) / "models" / "kinds"
    shutil.move(stored, tmp_path / "kinds")
    try:
        line = f"prediction_id,row,label\nkinds-{DIGITS},0,vast\n"
        code, told = ask("--file", written(tmp_path, "labels.csv", line))
    finally:
        shutil.move(tmp_path / "kinds", stored)

    assert code == USAGE
    assert "Model kinds is not in the model store" in told
