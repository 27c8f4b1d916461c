"""The door: who is let in, and what is remembered of them."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from framework.access.scopes import Need
from security.commands import create_key
from serving.access import door as door_module
from serving.access.door import LockedDoor
from serving.access.principal import NOBODY
from serving.errors import Code, ServingError
from serving.settings import Settings

PREDICT = Need.to("predict", "wine")


def locked(path: Path, **settings: object) -> LockedDoor:
    """The door of a server with these settings."""
    return LockedDoor.of(Settings(keys=path, **settings))  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_is_taken_in_every_form_it_may_come_in(path: Path) -> None:
    key, own_id = create_key(path, "shop", ["wine:predict"], None)
    door = locked(path)
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
    door = locked(path)
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
    door, shown = locked(path), {b"x-api-key": key.encode()}
    door.admit(PREDICT, shown)
    later = time.time() + 3_601
    monkeypatch.setattr(time, "time", lambda: later)

    with pytest.raises(ServingError, match="has expired") as refused:
        door.admit(PREDICT, shown)
    assert refused.value.code is Code.UNAUTHENTICATED


def test_whoever_is_known_and_may_not_is_told_what_it_takes(path: Path) -> None:
    key, _ = create_key(path, "shop", ["wine:explain"], None)

    with pytest.raises(ServingError, match="it needs the scope wine:predict") as refused:
        locked(path).admit(PREDICT, {b"x-api-key": key.encode()})
    assert refused.value.code is Code.FORBIDDEN


def test_what_is_public_needs_no_key_and_counts_for_nobody(path: Path) -> None:
    create_key(path, "shop", ["*"], None)
    door = locked(path)

    assert door.admit(None, {}) is NOBODY
    assert door.admit(None, {b"x-api-key": b"wrong"}) is NOBODY
    assert not door.admitted


def test_no_more_is_remembered_than_there_is_room_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "_MOST_REMEMBERED", 8)
    key, _ = create_key(path, "shop", ["*"], None)
    door = locked(path)
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


def test_who_fails_too_often_is_told_to_wait_and_whoever_has_a_key_is_not(path: Path) -> None:
    key, own_id = create_key(path, "shop", ["wine:predict"], None)
    door = locked(path, failed_attempts=2)
    guess = {b"x-api-key": b"ms_guess"}

    codes = []
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"):
        with pytest.raises(ServingError) as refused:
            door.admit(PREDICT, guess, address)
        codes.append(refused.value.code)

    assert codes == [Code.UNAUTHENTICATED] * 2 + [Code.RATE_LIMITED, Code.UNAUTHENTICATED]
    assert door.admit(PREDICT, {b"x-api-key": key.encode()}, "192.0.2.1").id == own_id


def test_a_key_s_own_limit_goes_before_the_server_s(path: Path) -> None:
    usual, _ = create_key(path, "usual", ["*"], None)
    own, _ = create_key(path, "own", ["*"], None, rate=0.001, burst=5)
    door = locked(path, rate=0.001, burst=2)
    allowances = [
        door.admit(PREDICT, {b"x-api-key": key.encode()}).allowance for key in (usual, own)
    ]

    for allowance, rows in zip(allowances, (2, 5), strict=True):
        assert allowance is not None
        assert allowance.charge_at_once(rows)
        with pytest.raises(ServingError, match="rows a second"):
            allowance.charge_at_once(1)


def test_only_so_many_requests_of_a_key_are_taken_on_at_a_time(path: Path) -> None:
    key, _ = create_key(path, "shop", ["*"], None)
    allowance = (
        locked(path, client_requests=2).admit(PREDICT, {b"x-api-key": key.encode()}).allowance
    )
    assert allowance is not None

    allowance.begin()
    allowance.begin()
    with pytest.raises(ServingError, match="at the same time"):
        allowance.begin()
    allowance.end()
    allowance.begin()


def test_without_limits_nothing_is_counted(path: Path) -> None:
    key, _ = create_key(path, "shop", ["*"], None)

    assert locked(path).admit(PREDICT, {b"x-api-key": key.encode()}).allowance is None
