import asyncio
import json
from pathlib import Path

import pytest

import serving.audit
from framework.audit import AuditEvent, AuditLog
from serving.audit import Audit, RouteAudit
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
        audit = Audit(AuditLog(path))
        audit.on_drop = lambda: drops.append(1)
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
        audit = Audit(AuditLog(path))
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
        audit = Audit(AuditLog(path))
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
        audit = Audit(AuditLog(tmp_path / "audit.jsonl"))
        audit.on_drop = lambda: drops.append(1)
        with no_room():
            audit.tell(DENIED)
            audit.tell(DENIED)
            await until(lambda: len(drops) == 2)
        audit.close()

    asyncio.run(run())

    assert len(drops) == 2
    assert len([one for one in caplog.records if "File too large" in one.message]) == 1


@pytest.mark.parametrize(
    ("client", "address"),
    [
        ("192.0.2.1:5000", "192.0.2.1"),
        ("2001:db8::1:5000", "2001:db8::1"),
        ("ipv4:192.0.2.1:5000", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:5000", "2001:db8::1"),
        (":", ""),
    ],
)
def test_an_address_is_the_same_by_every_protocol(
    tmp_path: Path, client: str, address: str
) -> None:
    async def run() -> None:
        audit = Audit(AuditLog(tmp_path / "audit.jsonl"))
        route = RouteAudit(audit, "/wine/predict", "wine:v1", "http")
        assert 401 in route.statuses
        assert 200 not in route.statuses
        route.answered("order-66", "/wine/predict", client, "", 401, "unauthenticated")
        audit.close()

    asyncio.run(run())

    ((_, told_address, own_id, _),) = told(tmp_path / "audit.jsonl")
    assert (told_address or "", own_id) == (address, "order-66")


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "done"), (404, "refused"), (499, "refused"), (500, "failed")]
)
def test_an_order_is_told_however_it_ends(tmp_path: Path, status: int, outcome: str) -> None:
    async def run() -> None:
        audit = Audit(AuditLog(tmp_path / "audit.jsonl"))
        route = RouteAudit(audit, "/at/v2/repository/models/{model}/load", "", "http")
        for _ in range(2):
            assert status in route.statuses
            route.answered(
                "order-66", "/at/v2/repository/models/wine/load", "h:1", "abcd1234", status, ""
            )
        audit.close()

    asyncio.run(run())

    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [(one["action"], one["outcome"]) for one in lines] == [("load", outcome)] * 2
