"""`python -m framework new`: the whole way, in a place of its own."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from framework import discovery
from framework.__main__ import main
from framework.scaffold import ScaffoldError, new, remove
from framework.scaffold.shown import shown
from framework.scaffold.table import Table
from tests.unit.scaffold.conftest import contents, flowers, imported

COLUMNS = [str(name) for name in flowers()]
KINDS: dict[str, tuple[list[str], list[str]]] = {
    "binary": (["kind"], ["told", "garden"]),
    "multiclass": (["garden"], ["told"]),
    "regression": (["weight"], ["told"]),
    "several_outputs": (["weight", "leaves"], ["told"]),
    "texts_beside_numbers": (["kind"], []),
    "amounts_from_texts": (["weight"], []),
    "texts_alone": (["kind"], [name for name in COLUMNS if name not in ("kind", "told")]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_model_takes_every_row_of_its_table(kind: str, table: Path, place: Path) -> None:
    targets, drop = KINDS[kind]

    draft = new(kind, table, targets, drop=drop, rows="flowers", root=place)

    with imported(place, kind) as model:
        assert (model.name, model.target, model.rows) == (kind, targets, "flowers")
        assert type(model.task).__name__ == draft.question.task
        for sample in model.sample:
            model.record.model_validate(sample)
        columns = {feature.name: list(feature.values) for feature in draft.features}
        for at in range(len(flowers())):
            model.record.model_validate({name: column[at] for name, column in columns.items()})
        assert len(model.features(model.encoder.from_columns(columns))) == len(flowers())
        # By the file's own spelling too.
        by_column = {one.column: one.values[0] for one in draft.features}
        model.record.model_validate(by_column)
    written = {path.name for path in (place / "models" / kind).iterdir()} - {"__pycache__"}
    assert sorted(written) == sorted(
        [
            "__init__.py",
            f"{kind}.proto",
            *(f"{kind}_pb2{end}" for end in (".py", ".pyi", "_grpc.py")),
        ]
    )


@pytest.mark.copy
def test_what_is_written_passes_the_checks(
    table: Path, place: Path, pytestconfig: pytest.Config
) -> None:
    for kind, (targets, drop) in KINDS.items():
        new(kind, table, targets, drop=drop, root=place)

    tools = Path(sys.executable).parent
    # Kept from run to run: mypy reads all of our libraries once.
    cache = pytestconfig.cache.mkdir("mypy")
    commands: list[list[str | Path]] = [
        [tools / "ruff", "check", "--no-cache", "."],
        [tools / "ruff", "format", "--no-cache", "--check", "."],
        [tools / "mypy", "--follow-imports=silent", "--cache-dir", cache, "models"],
    ]
    for command in commands:
        ran = subprocess.run(
            command,
            cwd=place,
            env={"MYPYPATH": str(discovery.ROOT), "PATH": str(tools)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_hard_names_and_values_are_written_as_they_are(tmp_path: Path, place: Path) -> None:
    hard = "a \"b\" \\ {{c}} 'd' \u2013 \u00d7"
    frame = pd.DataFrame(
        {
            hard: [f'v"{at % 3}\\n' for at in range(60)],
            "Σ % é": [at / 7 for at in range(60)],
            "lambda": [at % 7 for at in range(60)],
            "model_config": [at % 5 == 0 for at in range(60)],
            "it's": [("it's", 'so "so"')[at % 2] for at in range(60)],
        }
    )
    path = tmp_path / "hard.parquet"
    frame.to_parquet(path)

    new("hard", path, ["it's"], root=place)

    with imported(place, "hard") as model:
        assert model.target == ["it's"]
        assert model.encoder.categories == {"a_b_c_d": ['v"0\\n', 'v"1\\n', 'v"2\\n']}
        assert model.encoder.names == ["a_b_c_d", "e", "lambda_", "model_config_"]
        for row in frame.drop(columns="it's").to_dict("records"):
            model.record.model_validate(row)
    ran = subprocess.run(
        [Path(sys.executable).parent / "ruff", "check", "--no-cache", "."],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


def test_no_sample_is_a_row_of_the_table(table: Path, place: Path) -> None:
    draft = new("kinds", table, ["kind"], root=place)

    rows = set(zip(*(feature.values for feature in draft.features), strict=True))
    with imported(place, "kinds") as model:
        assert len(model.sample) == 3
        assert not rows & {tuple(sample.values()) for sample in model.sample}


def test_the_service_gets_its_part_and_gives_it_back(table: Path, place: Path) -> None:
    before = contents(place)

    new("kinds", table, ["kind"], rows="flowers", root=place)
    service = place.joinpath("service.py").read_text()
    assert "from models.kinds import Flower, KindsPrediction\n" in service
    assert (
        "    def predict_kinds(self, flowers: list[Flower]) -> list[KindsPrediction]:\n" in service
    )

    new("gardens", table, ["garden"], rows="flowers", root=place)
    # The name of the first model's type is taken.
    assert "list[GardensFlower]" in place.joinpath("service.py").read_text()

    remove("kinds", place)
    remove("gardens", place)
    assert contents(place) == before


@pytest.mark.parametrize(
    ("name", "targets", "more", "message"),
    [
        ("Kinds", ["kind"], {}, "such as 'kinds'"),
        ("bentoml", ["kind"], {}, "is taken"),
        ("taken", ["kind"], {}, "There is a model 'taken' already"),
        ("kinds", ["kin"], {}, "no column 'kin' (did you mean 'kind'?)"),
        ("kinds", ["kind"], {"drop": ["tolt"]}, "no column 'tolt' (did you mean 'told'?)"),
        ("kinds", ["kind", "kind"], {}, "named twice"),
        ("kinds", ["kind"], {"drop": ["kind"]}, "named twice"),
        ("kinds", ["kind"], {"rows": "self"}, "is taken"),
        ("kinds", ["told"], {}, "in 1 rows only"),
        (
            "kinds",
            ["kind"],
            {"drop": [one for one in COLUMNS if one != "kind"]},
            "no column left",
        ),
    ],
)
def test_what_cannot_be_made_leaves_no_trace(
    name: str, targets: list[str], more: Any, message: str, table: Path, place: Path
) -> None:
    place.joinpath("models", "taken").mkdir()
    before = contents(place)

    with pytest.raises(ScaffoldError) as refused:
        new(name, table, targets, root=place, **more)

    assert message in str(refused.value)
    assert contents(place) == before
    assert sorted(path.name for path in place.iterdir()) == [
        "models",
        "pyproject.toml",
        "service.py",
    ]


def test_a_failure_at_the_last_step_leaves_no_trace(
    table: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(place)

    def fail(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("framework.scaffold.commands.shutil.copymode", fail)
    with pytest.raises(OSError, match="no space left"):
        new("kinds", table, ["kind"], root=place)
    assert contents(place) == before

    monkeypatch.undo()
    new("kinds", table, ["kind"], root=place)
    before = contents(place)
    monkeypatch.setattr("framework.scaffold.commands.shutil.copymode", fail)
    with pytest.raises(OSError, match="no space left"):
        remove("kinds", place)
    assert contents(place) == before


def test_what_was_decided_is_shown_with_its_reasons(table: Path, place: Path) -> None:
    draft = new("kinds", table, ["kind"], root=place)

    text = shown(draft, table)

    assert "Binary (two values; the probability is that of 'tulip')" in text
    assert "  Petal length (cm)  petal_length_cm  number, at least 0 " in text
    assert "rows have none" in text
    assert "  - what was never negative must not be" in text
    assert text.splitlines()[-1].endswith(f"-m training kinds --data {table}")
    assert max(map(len, text.splitlines())) < 160


def test_the_command_line_refuses_in_one_sentence(tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"

    with pytest.raises(SystemExit) as ended:
        main(["new", "kinds", "--data", str(missing), "--target", "kind"])

    assert str(ended.value) == f"new: {missing} cannot be read: No such file or directory."


def test_the_command_line_says_what_is_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framework.protos.out_of_date", lambda _: ["a.proto", "b_pb2.py"])

    with pytest.raises(SystemExit) as ended:
        main(["protos", "--check"])

    assert str(ended.value) == "Out of date: a.proto, b_pb2.py; run `make protos`."


def test_a_table_is_read_as_training_reads_it(table: Path) -> None:
    assert list(Table.read(table).columns) == COLUMNS
