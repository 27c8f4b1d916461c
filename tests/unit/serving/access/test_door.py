"""The door: who is let in, and what is remembered of them."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from framework.access.scopes import Need
from security.commands import create_key
from serving.access import door as door_module
from serving.access.door import LockedDoor
from serving.access.key_ring import KeyRing
from serving.access.principal import NOBODY
from serving.errors import Code, ServingError

PREDICT = Need.to("predict", "wine")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_is_taken_in_every_form_it_may_come_in(path: Path) -> None:
    key, own_id = create_key(path, "shop", ["wine:predict"], None)
    door = LockedDoor(KeyRing(path))
    forms = [
        {b"authorization": f"Bearer {key}".encode()},
        {b"authorization": f"bearer {key}".encode()},
        {b"x-api-key": key.encode()},
        # A proxy's own user, and our key.
        {b"authorization": b"Basic YTpi", b"x-api-key": key.encode()},
    ]

    for _ in range(2):
        assert {door.admit(PREDICT, shown).id for shown in forms} == {own_id}
    assert door.admitted == {own_id: 8}


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {b"authorization": b""},
        {b"authorization": b"KEY"},
        {b"authorization": b"Bearer"},
        {b"authorization": b"Bearer "},
        {b"authorization": b"Bearer  KEY"},
        {b"authorization": b"Bearer KEY "},
        {b"authorization": b"Bearer KEY, Bearer KEY"},
        {b"authorization": b"Basic KEY"},
        {b"authorization": b"Bearer " + b"x" * 10_000},
        {b"authorization": b"Bearer \xff\x00"},
        {b"x-api-key": b""},
        {b"x-api-key": b"Bearer KEY"},
        {b"x-api-key": b"KEY\x00"},
        {b"x-api-key": b"KEY".lower()},
        # What is shown counts, not what else is there.
        {b"authorization": b"Bearer ms_other", b"x-api-key": b"KEY"},
    ],
)
def test_what_is_no_key_lets_nobody_in(path: Path, shown: dict[bytes, bytes]) -> None:
    key, _ = create_key(path, "shop", ["*"], None)
    door = LockedDoor(KeyRing(path))
    door.admit(PREDICT, {b"x-api-key": key.encode()})
    filled = {
        name: value.replace(b"KEY", key.encode()).replace(b"key", key.lower().encode())
        for name, value in shown.items()
    }

    with pytest.raises(ServingError) as refused:
        door.admit(PREDICT, filled)
    assert refused.value.code is Code.UNAUTHENTICATED
    assert key not in str(refused.value)
    assert [name for name, _ in refused.value.headers] == ["www-authenticate"]


def test_an_expired_key_is_refused_though_it_was_let_in(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = create_key(path, "shop", ["*"], datetime.now(UTC) + timedelta(hours=1))
    door, shown = LockedDoor(KeyRing(path)), {b"x-api-key": key.encode()}
    door.admit(PREDICT, shown)
    later = time.time() + 3_601
    monkeypatch.setattr(time, "time", lambda: later)

    with pytest.raises(ServingError, match="has expired") as refused:
        door.admit(PREDICT, shown)
    assert refused.value.code is Code.UNAUTHENTICATED


def test_whoever_is_known_and_may_not_is_told_what_it_takes(path: Path) -> None:
    key, _ = create_key(path, "shop", ["wine:explain"], None)

    with pytest.raises(ServingError, match="it needs the scope wine:predict") as refused:
        LockedDoor(KeyRing(path)).admit(PREDICT, {b"x-api-key": key.encode()})
    assert refused.value.code is Code.FORBIDDEN


def test_what_is_public_needs_no_key_and_counts_for_nobody(path: Path) -> None:
    create_key(path, "shop", ["*"], None)
    door = LockedDoor(KeyRing(path))

    assert door.admit(None, {}) is NOBODY
    assert door.admit(None, {b"x-api-key": b"wrong"}) is NOBODY
    assert not door.admitted


def test_no_more_is_remembered_than_there_is_room_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "_MOST_REMEMBERED", 8)
    key, _ = create_key(path, "shop", ["*"], None)
    door = LockedDoor(KeyRing(path))
    for scheme in range(64):
        form = "".join(
            letter.upper() if scheme >> place & 1 else letter
            for place, letter in enumerate("bearer")
        )
        door.admit(PREDICT, {b"authorization": f"{form} {key}".encode()})
        assert len(door._remembered) <= 8
    for number in range(100):
        with pytest.raises(ServingError):
            door.admit(PREDICT, {b"x-api-key": b"ms_%d" % number})
        assert len(door._remembered) <= 8
