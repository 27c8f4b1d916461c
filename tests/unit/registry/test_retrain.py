"""Retraining on what was recorded and labelled, each command a process of its own."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from framework.pointer import read_pointer
from framework.record.labels import LabelEvent
from monitoring.label_store.database import Database
from monitoring.label_store.store import LabelStore
from monitoring.store import Store
from tests.models.breast_cancer import CLASSES
from tests.unit.registry.made import DEADLINE_SECONDS, NAME, PACKAGE, done, registry
from training import rows
from training.data import of_source

V1 = f"{NAME}:v1"
LABELLED = 500


@pytest.fixture(scope="module")
def record(trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the champion answered, and what became true of most of it."""
    from framework.discovery import find_model

    folder = tmp_path_factory.mktemp("record")
    done(trained_home, "record", str(folder), "v1")
    model = find_model(NAME, PACKAGE)
    assert model.data is not None
    truth = rows.read(model, of_source(model.data)).target[:LABELLED].tolist()
    answered = Store(folder).rows(NAME, "v1", columns=["prediction_id", "row"]).to_pylist()
    now = 1_800_000_000_000_000
    LabelStore(Database(folder), Store(folder)).add(
        LabelEvent(one["prediction_id"], one["row"], CLASSES[label], None, "", now)
        for one, label in zip(answered, truth, strict=False)
    )
    return folder


def tags(home: Path) -> dict[str, str]:
    return {str(alias): one.tag for alias, one in read_pointer(home).models[NAME].items()}


def card(home: Path, tag: str) -> Any:
    return json.loads((home / "models" / tag.replace(":", "/") / "card.json").read_text())


def test_a_challenger_learns_from_the_older_half_and_is_judged_on_the_newer(
    home: Path, record: Path
) -> None:
    told = done(home, "retrain", NAME, "--record", str(record), "--least", "400")

    assert (told["labelled_rows"], told["alias"]) == (LABELLED, "challenger")
    assert tags(home) == {"champion": V1, "challenger": told["tag"]}
    data = card(home, told["tag"])["data"]
    old = card(home, V1)["data"]
    assert data["source"] == old["source"]
    assert (data["rows"], data["test_rows"]) == (old["rows"] + 250, 250)
    gate = told["gate"]
    assert (gate["champion"], gate["rows"], gate["passed"]) == (V1, 250, True)
    assert gate["data"] == "the newest 250 labelled rows of the record"
    assert done(home, "history", NAME)[-1]["gate"] == gate

    # It waits for a person, however often the schedule comes.
    complaint = _nothing(home, record, "--least", "400", "--auto")
    assert f"Nothing was trained. `promote {told['tag']}` makes it champion." in complaint
    assert tags(home)["champion"] == V1
    # What it has learnt from does not count a second time.
    done(home, "promote", told["tag"])
    complaint = _nothing(home, record, "--least", "400")
    assert f"250 recorded rows with a label are distinct and new to {told['tag']}" in complaint


def test_what_passes_is_promoted_if_that_is_wanted(home: Path, record: Path) -> None:
    told = done(home, "retrain", NAME, "--record", str(record), "--least", "400", "--auto")

    assert tags(home) == {"champion": told["tag"], "previous": V1}
    last = done(home, "history", NAME)[-1]
    assert (last["action"], last["reason"]) == ("promote", "retrained on 500 rows")


def test_what_is_refused_stays_challenger(
    home: Path, record: Path, tables: Any, tmp_path: Path
) -> None:
    # A champion that is good, and has learnt from other rows than the record has.
    other = pd.read_csv(tables[0])
    other["mean_0"] += 0.002
    other.to_csv(tmp_path / "other.csv", index=False)
    done(home, "train", "v3", str(tmp_path / "other.csv"))
    done(home, "promote", f"{NAME}:v3")
    arguments = ["--record", str(record), "--least", "200", "--data", str(tables[1])]

    told = done(home, "retrain", NAME, *arguments, "--auto", code=1)

    assert told["gate"]["passed"] is False
    assert tags(home)["champion"] == f"{NAME}:v3"
    assert tags(home)["challenger"] == told["tag"]
    # A schedule comes again, and again, and nobody has labelled anything meanwhile.
    complaint = _nothing(home, record, *arguments[2:], "--auto")
    assert f"Nothing is new since {told['tag']}" in complaint
    assert f"has refused it against {NAME}:v3: not better" in complaint


def test_too_few_labels_are_told_and_nothing_happens(
    home: Path, record: Path, tmp_path: Path
) -> None:
    done(home, "list")
    before = sorted(home.rglob("*"))

    assert "500 recorded rows with a label" in _nothing(home, record)
    assert "1,000 are wanted (--least): nothing was trained" in _nothing(home, record)
    assert "no rows of breast_cancer with a label" in _nothing(home, tmp_path)
    assert sorted(home.rglob("*")) == before


def _nothing(home: Path, record: Path, *arguments: str) -> str:
    with registry(home, "retrain", NAME, "--record", str(record), *arguments) as process:
        _, complaint = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 3, complaint
    return complaint


def test_records_that_were_not_kept_cannot_be_learnt(home: Path, tmp_path: Path) -> None:
    done(home, "record", str(tmp_path), "v1", "input.worst")

    complaint = done(home, "retrain", NAME, "--record", str(tmp_path), code=2)

    none = done(home, "retrain", NAME, "--record", str(tmp_path), "--least", "199", code=2)
    assert "--least 199 is out of range; allowed: 200 or more" in none
    assert f"lacks worst of the records of {NAME} that v1 answered" in complaint
