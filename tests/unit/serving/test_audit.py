import asyncio
import json
from pathlib import Path

import pytest

import serving.audit
from framework.audit import AuditEvent, AuditLog
from serving.audit import Audit
from tests.disks import no_room
from tests.unit.serving.batching.bench import until

DENIED = AuditEvent(
    who="", action="wine:predict", outcome="refused", reason="unauthenticated", address="192.0.2.1"
)


def told(path: Path) -> list[tuple[object, ...]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    names = ("action", "address", "request_id", "count")
    return [tuple(line.get(name) for name in names) for line in lines]


def test_the_first_refusal_is_told_and_the_others_counted(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    drops: list[int] = []

    async def run() -> None:
        audit = Audit(AuditLog(path), lambda: drops.append(1))
        for number in range(5):
            audit.refused(DENIED, f"id-{number}")
        audit.close()

    asyncio.run(run())

    assert told(path) == [
        ("wine:predict", "192.0.2.1", "id-0", None),
        ("wine:predict", "192.0.2.1", None, 4),
    ]
    assert not drops


def test_refusals_are_counted_anew_after_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving.audit, "TOLD_SECONDS", 0.01)
    path = tmp_path / "audit.jsonl"

    async def run() -> None:
        audit = Audit(AuditLog(path), lambda: None)
        audit.refused(DENIED, "a")
        audit.refused(DENIED, "b")
        await until(lambda: len(told(path)) == 2)
        audit.refused(DENIED, "c")
        audit.close()

    asyncio.run(run())

    assert [line[2:] for line in told(path)] == [("a", None), (None, None), ("c", None)]


def test_a_flood_of_addresses_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.audit, "_MOST_KINDS", 3)
    path = tmp_path / "audit.jsonl"

    async def run() -> None:
        audit = Audit(AuditLog(path), lambda: None)
        for number in range(10):
            kind = {"who": "", "action": "models:read", "outcome": "refused"}
            audit.refused(AuditEvent(**kind, address=f"2001:db8::{number}"), str(number))  # type: ignore[arg-type]
        audit.close()

    asyncio.run(run())

    assert told(path)[:3] == [
        ("models:read", f"2001:db8::{number}", str(number), None) for number in range(3)
    ]
    assert told(path)[3:] == [("others", None, None, 7)]


def test_what_cannot_be_written_is_counted_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drops: list[int] = []

    async def run() -> None:
        audit = Audit(AuditLog(tmp_path / "audit.jsonl"), lambda: drops.append(1))
        with no_room():
            audit.tell(DENIED)
            audit.tell(DENIED)
            await until(lambda: len(drops) == 2)
        audit.close()

    asyncio.run(run())

    assert len(drops) == 2
    assert len([one for one in caplog.records if "File too large" in one.message]) == 1
