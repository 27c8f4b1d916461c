import json
import multiprocessing
import stat
from pathlib import Path

import pytest

from framework import audit
from framework.audit import AuditError, AuditEvent, AuditLog, acting_user
from tests.disks import no_room

EVENT = AuditEvent(who="anna@desk", action="promote", subject="wine:v2", outcome="done")


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_tells_what_is_known_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)

    log.write(EVENT)
    log.close()

    (line,) = lines(path)
    time = line.pop("time")
    assert line == {
        "who": "anna@desk",
        "action": "promote",
        "subject": "wine:v2",
        "outcome": "done",
    }
    assert str(time).endswith("+00:00")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_somebody_wrote_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    forged = 'better"}\n{"who": "root'
    log = AuditLog(path)

    log.write(AuditEvent(who="x", action="promote", outcome="done", reason=forged))
    log.close()

    (line,) = lines(path)
    assert line["reason"] == forged


def test_nothing_is_lost_where_several_processes_write(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    processes = [
        multiprocessing.get_context("spawn").Process(target=write_many, args=(path, str(index)))
        for index in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    told = [(line["who"], line["subject"]) for line in lines(path)]
    assert sorted(told) == sorted((str(i), str(n)) for i in range(3) for n in range(200))


def write_many(path: Path, who: str) -> None:
    log = AuditLog(path)
    for number in range(200):
        log.write(AuditEvent(who=who, action="promote", subject=str(number), outcome="done"))
    log.close()


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "FILE_BYTES", 1_000)
    monkeypatch.setattr(audit, "FILES", 2)
    log = AuditLog(tmp_path / "audit.jsonl")

    for _ in range(100):
        log.write(EVENT)
    log.close()

    files = sorted(path for path in tmp_path.iterdir() if not path.name.startswith("."))
    assert [path.name for path in files] == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    a_line = 200
    assert all(path.stat().st_size < 1_000 + a_line for path in files)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")

    with no_room(), pytest.raises(AuditError, match=r"File too large.*MODEL_SERVER_AUDIT"):
        log.write(EVENT)

    log.close()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match=r"No such file or directory.*MODEL_SERVER_AUDIT"):
        AuditLog(tmp_path / "none" / "audit.jsonl")


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(audit.VARIABLE, raising=False)
    assert AuditLog.of_environment() is None

    monkeypatch.setenv(audit.VARIABLE, str(tmp_path / "log"))
    log = AuditLog.of_environment()
    assert log is not None
    log.close()


def test_a_user_has_a_host() -> None:
    assert "@" in acting_user()


@pytest.mark.parametrize(
    ("raised", "outcome", "reason"),
    [
        (None, "done", "better"),
        (LookupError("no such s3://host/one"), "refused", "no such s3://host/one"),
        (LookupError("no such s3://anna:s3cret@host/one"), "refused", "no such s3://host/one"),
        (KeyboardInterrupt("s3cret"), "failed", "KeyboardInterrupt"),
    ],
)
def test_whatever_a_command_does_is_told_however_it_ends(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    raised: BaseException | None,
    outcome: str,
    reason: str,
) -> None:
    monkeypatch.setenv(audit.VARIABLE, str(tmp_path / "log"))

    def act() -> None:
        subject = "s3://anna:s3cret@host/one"
        with audit.audited("backup", subject, "better", refusals=(LookupError,)):
            if raised:
                raise raised

    if raised:
        with pytest.raises(type(raised)):
            act()
    else:
        act()

    (line,) = lines(tmp_path / "log")
    assert line.pop("time")
    assert line == {
        "who": acting_user(),
        "action": "backup",
        "subject": "s3://host/one",
        "outcome": outcome,
        "reason": reason,
    }


def test_nothing_is_done_that_cannot_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(audit.VARIABLE, str(tmp_path / "none" / "log"))
    done = []

    def act() -> None:
        with audit.audited("promote", "wine:v2", refusals=()):
            done.append(1)

    with pytest.raises(AuditError):
        act()
    assert not done
