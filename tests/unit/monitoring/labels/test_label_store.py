"""Labels in both databases: each kept once, the last one holds, unknown rows are found later."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framework.record.labels import LabelEvent
from monitoring.label_store.database import Database
from monitoring.label_store.store import CHUNK, Counts, LabelStore
from monitoring.store import Store
from tests.unit.monitoring.labels.made import FIFTY, after, event, held, writer
from tests.unit.monitoring.spooled import answered, convert, prediction_id, spool

SECONDS = 60


@pytest.fixture
def known(store: LabelStore, tmp_path: Path) -> LabelStore:
    """Labels of a record with the rows of some predictions, two each."""
    spool(tmp_path, [answered(number, rows=2) for number in FIFTY])
    convert(tmp_path)
    return store


def test_of_several_labels_the_latest_holds(known: LabelStore) -> None:
    known.add(
        [
            # By the time that is told, not by when it came.
            event(1, 1.5, time=10, received=20),
            event(1, 2.5, time=5, received=30),
            # Of one time, the one that came last.
            event(2, 1.5, time=10, received=20),
            event(2, 2.5, time=10, received=21),
            # Without a time, when it came.
            event(3, 1.5, received=20),
            event(3, 2.5, time=19, received=25),
            event(4, [1.0, -2.5], row=1),
            event(5, "a class"),
        ]
    )

    assert known.labels("gauges").to_pylist() == [
        {"prediction_id": prediction_id(number), "row": row, "label": label, "time": after(time)}
        for number, row, label, time in [
            (4, 1, "[1.0, -2.5]", 0),
            (5, 0, "a class", 0),
            (1, 0, "1.5", 10),
            (2, 0, "2.5", 10),
            (3, 0, "1.5", 20),
        ]
    ]
    # The earlier ones are kept.
    assert known.counts() == {"gauges": Counts(known=8)}


def test_the_same_label_is_one_label(known: LabelStore) -> None:
    for received in (5, 9, 7):
        assert known.add([event(1, 2.0, received=received)] * 3) == 3
    known.add([event(1, 2.0, time=3, received=8)] * 2)

    assert known.counts() == {"gauges": Counts(known=2)}
    (label,) = known.labels("gauges").to_pylist()
    assert label["time"] == after(9)


def test_rows_that_are_not_in_the_record_are_kept_apart(known: LabelStore, tmp_path: Path) -> None:
    known.add([event(1), event(99, 7.0), event(99, 8.0, row=2), event(1, row=2)])

    assert known.counts() == {"gauges": Counts(known=1, unknown=3)}
    assert set(held(known)) == {(prediction_id(1), 0)}

    spool(tmp_path, [answered(99, rows=2)])
    convert(tmp_path)
    known.settle()

    assert known.counts() == {"gauges": Counts(known=2, unknown=2)}
    assert held(known)[prediction_id(99), 0] == "7.0"


def test_many_labels_wait_for_their_rows(store: LabelStore, tmp_path: Path) -> None:
    count = 2 * CHUNK + 1
    store.add(event(number) for number in range(count))
    assert store.counts() == {"gauges": Counts(unknown=count)}

    spool(tmp_path, [answered(number) for number in range(count)])
    convert(tmp_path)
    store.settle()

    assert store.counts() == {"gauges": Counts(known=count)}


def test_a_known_row_stays_known(known: LabelStore, tmp_path: Path) -> None:
    known.add([event(1)])
    for path in tmp_path.glob("parquet/**/*.parquet"):
        path.unlink()

    known.add([event(1, 2.0, received=1), event(2)])

    assert held(known) == {(prediction_id(1), 0): "2.0"}
    assert known.counts() == {"gauges": Counts(known=2, unknown=1)}


def test_a_file_is_not_looked_through_twice(
    known: LabelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    known.add([event(99)])
    seen = []
    places = Store.places

    def count(*arguments: object) -> Iterator[set[tuple[str, int]]]:
        for found in places(*arguments):  # type: ignore[arg-type]
            seen.append(found)
            yield found

    monkeypatch.setattr(Store, "places", count)
    monkeypatch.setattr("monitoring.label_store.store._UNSEEN", after(0) - after(0))
    known.settle()
    assert not seen
    known.add([event(98)])
    assert seen


def test_labels_since_a_time(known: LabelStore) -> None:
    known.add([event(1, received=5), event(2, received=10), event(3, time=1, received=11)])

    ids = known.labels("gauges", after(10))["prediction_id"].to_pylist()
    assert sorted(ids) == [prediction_id(2), prediction_id(3)]
    assert len(known.labels("spans")) == 0


def test_labels_are_deleted_with_their_prediction_and_with_age(known: LabelStore) -> None:
    known.add([event(1), event(1, row=1), event(99), event(2, received=10)])

    assert known.delete(prediction_id(1)) == 2
    assert known.delete(prediction_id(99)) == 1
    assert known.expire(after(10)) == 0
    assert known.expire(after(11)) == 1
    assert known.counts() == {}


EVENTS = st.lists(
    st.builds(
        event,
        number=st.integers(0, 2),
        label=st.sampled_from([1.0, 2.0, "x", [1.0]]),
        row=st.integers(0, 2),
        time=st.none() | st.integers(0, 3),
        received=st.integers(0, 3),
        source=st.sampled_from(["", "crm"]),
    ),
    max_size=12,
)


@given(events=EVENTS, shuffled=st.randoms(use_true_random=False))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_neither_order_nor_repetition_matters(
    known: LabelStore, events: list[LabelEvent], shuffled: random.Random
) -> None:
    def told(order: list[LabelEvent]) -> dict[tuple[str, int], str]:
        known.expire(after(1_000))
        at = 0
        while at < len(order):
            step = shuffled.randint(1, 5)
            known.add(order[at : at + step])
            at += step
        return held(known)

    once = told(events)
    again = [*events, *shuffled.sample(events, len(events) // 2)]
    shuffled.shuffle(again)

    assert told(again) == once
    assert set(once) == {(one.prediction_id, one.row) for one in events if one.row < 2}


def test_writers_do_not_lose_each_others_labels(
    url: str, known: LabelStore, tmp_path: Path
) -> None:
    # All of them find an empty database, and make its tables.
    writers = [writer(tmp_path, url, what) for what in ("up", "down", "up")]
    for one in writers:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in writers:
        one.communicate("go\n", SECONDS)

    assert [one.returncode for one in writers] == [0, 0, 0]
    assert known.counts() == {"gauges": Counts(known=len(FIFTY))}
    assert held(known) == {(prediction_id(one), 0): str(float(one)) for one in FIFTY}
    assert set(known.labels("gauges")["time"].to_pylist()) == {after(4)}


def test_a_killed_import_leaves_nothing(url: str, known: LabelStore, tmp_path: Path) -> None:
    with writer(tmp_path, url, "half") as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "half\n"
        killed.kill()

    assert known.counts() == {}
    assert known.add(event(number) for number in FIFTY) == len(FIFTY)
    assert known.counts() == {"gauges": Counts(known=len(FIFTY))}


def test_an_import_that_fails_leaves_nothing(known: LabelStore) -> None:
    def broken() -> Iterator[LabelEvent]:
        yield from (event(number) for number in range(CHUNK + 1))
        raise ValueError

    with pytest.raises(ValueError):
        known.add(broken())

    assert known.counts() == {}


def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    store = LabelStore(Database(tmp_path), Store(tmp_path))

    assert len(store.labels("gauges")) == 0
    assert store.counts() == {}
    assert store.delete(prediction_id(1)) == 0
    store.settle()
    assert not list(tmp_path.iterdir())
