"""Who was not let in: in the audit log once, whichever protocol they came by, however often."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.surfaces import RefusedError, Surface
from tests.server.raised import BY_METHOD
from tests.server.starting import PLANE, start_refused
from tests.server.watching import wait

DENIED = {"low": 0.0, "high": 1.0, "name": f"{BY_METHOD}unauthorized"}


def firsts(path: Path) -> list[dict[str, Any]]:
    """The lines of first refusals; later ones are counted."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line for line in lines if line["reason"] == "unauthenticated" and "count" not in line]


def test_the_first_of_a_kind_is_told(surfaces: dict[str, Surface], audit_log: Path) -> None:
    for surface in [*surfaces.values(), *surfaces.values()]:
        with pytest.raises(RefusedError):
            surface.call("predict_spans", [DENIED])

    protocols = {"http", "grpc"}
    wait(lambda: {one["protocol"] for one in firsts(audit_log)} == protocols, "some were not told")
    told = firsts(audit_log)
    kinds = [(one["action"], one["protocol"]) for one in told]
    assert len(kinds) == len(set(kinds))
    assert {one["address"] for one in told} == {"127.0.0.1"}
    assert {one["outcome"] for one in told} == {"refused"}
    assert {one["subject"].partition(":")[0] for one in told} == {"spans"}
    assert all(one["request_id"] for one in told)
    assert "unauthorized" not in audit_log.read_text()


@pytest.mark.usefixtures("toys_served")
def test_a_server_that_cannot_tell_does_not_start() -> None:
    line = start_refused({"MODEL_SERVER_AUDIT": "/proc/audit.jsonl"}, target=PLANE)

    assert "/proc/audit.jsonl cannot be written (No such file or directory)" in line
    assert "MODEL_SERVER_AUDIT" in line
