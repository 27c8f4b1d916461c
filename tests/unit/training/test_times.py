"""The newest rows are held out where a column tells when each was observed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from framework import ModelCard
from tests.unit.training.conftest import Files, Toys
from training import TrainingError, rows, train
from training.data import load
from training.split import split


@pytest.fixture
def frame(files: Files) -> pd.DataFrame:
    """Loans, each of its own day, in no order."""
    frame = pd.read_csv(files["loans"])
    days = pd.Series(pd.date_range("2026-01-01", periods=len(frame), freq="D"))
    frame["day"] = days.sample(frac=1, random_state=0).dt.strftime("%Y-%m-%d").to_numpy()
    return frame


@pytest.mark.parametrize("kind", ["dates", "moments", "numbers", "parquet"])
def test_the_newest_fifth_tests(kind: str, toys: Toys, frame: pd.DataFrame, tmp_path: Path) -> None:
    model, newest = toys["loans"], sorted(frame["day"])[480:]
    amounts = set(frame["amount"][frame["day"].isin(newest)])
    path = tmp_path / "loans.csv"
    if kind == "moments":
        frame["day"] += "T07:30:00+02:00"
    if kind == "numbers":
        frame["day"] = frame["day"].str.replace("-", "")
    if kind == "parquet":
        path = tmp_path / "loans.parquet"
        frame["day"] = pd.to_datetime(frame["day"])
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)

    read = rows.read(model, load(str(path)), time="day")
    parts = split(model, read, None, source="", seed=0)

    assert len(parts.test) == len(newest) == 120
    assert set(parts.test.records.columns["amount"].tolist()) == amounts
    assert parts.validation is not None
    assert len(parts.train) + len(parts.validation) == 480


def test_of_what_was_observed_twice_the_older_stays(
    toys: Toys, frame: pd.DataFrame, tmp_path: Path
) -> None:
    later = frame.assign(day="2029-01-01")
    pd.concat([later, frame]).to_csv(tmp_path / "twice.csv", index=False)

    read = rows.read(toys["loans"], load(str(tmp_path / "twice.csv")), time="day").distinct()

    assert len(read) == len(frame)
    assert read.times is not None
    assert (np.diff(read.times) > 0).all()
    assert read.times.max() < pd.Timestamp("2029-01-01").timestamp()


def test_training_says_so_on_the_card(toys: Toys, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "loans.csv", index=False)

    stored = train(toys["loans"], data=str(tmp_path / "loans.csv"), time="day")

    card = ModelCard.read(stored)
    assert card.parameters["time"] == "day"
    assert card.data.test_rows == 120
    assert "The test rows are the newest." in Path(stored.path_of("report.html")).read_text()


def test_rows_of_one_moment_stay_together(toys: Toys, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame["day"] = np.where(np.arange(len(frame)) < 400, 1, 2)
    frame.to_csv(tmp_path / "loans.csv", index=False)
    stored = train(toys["loans"], data=str(tmp_path / "loans.csv"), time="day")
    assert ModelCard.read(stored).data.test_rows == 200


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({7: ""}, "column day: 1 value is missing: line 9."),
        ({7: "yesterday", 8: "2026-13-01"}, "not a date or time by ISO 8601"),
        (dict.fromkeys(range(600), "2026-01-01"), "are of one time"),
    ],
)
def test_times_that_are_none_are_refused(
    cells: dict[int, str], told: str, toys: Toys, frame: pd.DataFrame, tmp_path: Path
) -> None:
    for at, cell in cells.items():
        frame.loc[at, "day"] = cell
    frame.to_csv(tmp_path / "loans.csv", index=False)

    with pytest.raises(TrainingError, match=told):
        train(toys["loans"], data=str(tmp_path / "loans.csv"), time="day")


def test_a_column_that_is_not_there_and_a_holdout_beside_it_are_refused(
    toys: Toys, files: Files
) -> None:
    path = str(files["loans"])
    with pytest.raises(TrainingError, match=r"column day, .* is missing; the file has: amount"):
        train(toys["loans"], data=path, time="day")
    with pytest.raises(TrainingError, match="give one of them"):
        train(toys["loans"], data=path, holdout=path, time="day")
