"""The calibration of the check for drift: its shifts are what they say, and it finds them."""

import numpy as np
import pytest

from load_tests.drift import page
from load_tests.drift.shifts import drawn, shifts_of
from load_tests.drift.trials import Further, Outcome, trials, watch
from tests.unit.monitoring.toys.staff import MODEL
from tests.unit.training.toys.notes import MODEL as NOTES
from training import rows
from training.data import of_source


@pytest.fixture(scope="module")
def staff() -> rows.Rows:
    assert MODEL.data is not None
    return rows.read(MODEL, of_source(MODEL.data)).distinct()


def test_shifts_of_numbers_are_what_they_say(staff: rows.Rows) -> None:
    shifts = {one.name: one.draw for one in shifts_of(MODEL, staff)}
    assert len(shifts) == 7
    rng = np.random.default_rng(0)
    found = {name: draw(staff, 800, rng) for name, draw in shifts.items()}
    assert {len(one) for one in found.values()} == {800}
    columns = {name: one.records.columns for name, one in found.items()}
    assert (columns["only salary=low"]["salary"] == 0).all()
    assert np.mean(columns["twice as many of department=support"]["department"] == 1) == (
        pytest.approx(0.6, abs=0.05)
    )
    assert not (columns["no department=hr (10%)"]["department"] == 3).any()
    (classes,) = [one for name, one in found.items() if "→" in name]
    assert classes.target.mean() == pytest.approx(staff.target.mean() * 1.5, abs=0.01)
    some = staff.records.columns["satisfaction"]
    moved = columns["mean of satisfaction + 0.2 sd"]["satisfaction"]
    assert moved.mean() - some.mean() == pytest.approx(0.2 * some.std(), rel=0.4)
    assert moved.max() <= some.max()
    stuck = columns["a tenth of satisfaction at its median"]["satisfaction"]
    assert np.mean(stuck == np.median(stuck)) == pytest.approx(0.1, abs=0.05)


def test_shifts_of_texts_are_what_they_say() -> None:
    assert NOTES.data is not None
    notes = rows.read(NOTES, of_source(NOTES.data)).distinct()
    shifts = {one.name: one.draw for one in shifts_of(NOTES, notes)}
    assert len(shifts) == 7
    rng = np.random.default_rng(0)
    length = np.mean([len(text) for text in notes.records.texts["text"]])
    titles = shifts["titles only"](notes, 50, rng).records.texts["text"]
    assert np.mean([len(text) for text in titles]) < length / 2
    german = shifts["a tenth of the texts in German"](notes, 100, rng).records.texts["text"]
    known = set(notes.records.texts["text"])
    strange = [text for text in german if text not in known]
    assert 2 <= len(strange) <= 25
    assert len(set(strange)) == len(strange)


def test_windows_without_change_seldom_drift_and_others_do(staff: rows.Rows) -> None:
    outcome = Outcome(500, windows=10)
    shifts = [one for one in shifts_of(MODEL, staff) if one.name == "only salary=low"]
    further = Further()
    for trial in trials(MODEL, staff, 3):
        watch(trial, outcome, shifts, 2)
        further.repeated.append(trial.alarms_of_repeats(600, 3))
        further.worse.append(trial.is_worse(drawn(trial.pool, 1_000, trial.rng)))
    assert len(outcome.shares) == 3
    assert np.mean(outcome.shares) <= 0.1
    assert outcome.found == {"only salary=low": [True] * 6}
    assert not any(further.repeated)
    table = page.of_model("staff", [outcome], further)
    assert "| only salary=low | 100% |" in table


def test_what_was_found_is_put_between_marks() -> None:
    text = f"before\n{page.BEGIN}\nold\n{page.END}\nafter"
    assert page.put(text, "new") == f"before\n{page.BEGIN}\n\nnew\n\n{page.END}\nafter"
    with pytest.raises(ValueError, match="no marks"):
        page.put("before", "new")
