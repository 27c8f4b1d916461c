"""Fields that are not to be recorded as they came."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from pydantic import BaseModel

from framework.encoder import Encoder
from framework.fields import Recorded, fields_of
from framework.record.frames import EntryTuple
from serving.record.private import KEY_FILE, Redaction, Unread, hash_key, redacted


class Person(BaseModel):
    """Somebody."""

    age: int
    name: Annotated[str, Recorded("omit")]
    badge: Annotated[str | None, Recorded("hash")] = None
    codes: Annotated[int, Recorded("hash")] = 7


ENCODER = Encoder(Person)
ANN, BOB = Person(age=1, name="Ann", badge="b1"), Person(age=2, name="Bob", badge="b1")
NOBODY = Person(age=3, name="")


def test_the_marker_is_no_rule() -> None:
    specs = {field.name: field for field in fields_of(Person)}

    assert {name: spec.recorded for name, spec in specs.items()} == {
        "age": "keep",
        "name": "omit",
        "badge": "hash",
        "codes": "hash",
    }
    assert all(spec.plain for spec in specs.values())


def test_fields_are_left_out_or_hashed(tmp_path: Path) -> None:
    redaction = Redaction(fields_of(Person), tmp_path)

    ann, bob, nobody = redaction.of(ENCODER.from_records([ANN, BOB, NOBODY]))

    assert ann.keys() == {"age", "badge", "codes"}
    assert (ann["age"], bob["age"]) == (1, 2)
    assert ann["badge"] == bob["badge"] != "b1"
    assert len(ann["badge"]) == 32
    assert ann["codes"] == nobody["codes"] != ann["badge"]
    assert nobody["badge"] is None


def test_hashes_of_one_folder_say_nothing_in_another(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        found += Redaction(fields_of(Person), tmp_path / name).of([ANN])

    assert found[0]["badge"] != found[1]["badge"]


def test_the_key_is_made_once_whoever_comes_first(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(hash_key, [tmp_path] * 50))

    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


def test_a_body_is_replaced_by_what_is_left_of_its_rows(tmp_path: Path) -> None:
    redaction = Redaction(fields_of(Person), tmp_path)
    unread = Unread(b"Ann", {}, lambda body, _: [ANN] if body == b"Ann" else [], redaction)
    head = (0, 1, "m-1", "r", "/m", "http", "m:1", 200, "application/json")
    entries: list[EntryTuple] = [(*head, b"{}", b"1"), (*head, unread, b"2")]  # type: ignore[list-item]

    plain, private = redacted(entries)

    assert plain == entries[0]
    assert private[8] == "application/json;redacted"
    assert private[10] == b"2"
    (row,) = msgspec.msgpack.decode(private[9])
    assert row["age"] == 1
    assert b"Ann" not in private[9]


def test_without_a_key_nothing_is_hashed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Redaction(fields_of(Person), tmp_path / "gone").of([ANN])
