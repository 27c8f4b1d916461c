"""`python -m security`: keys made, listed and revoked."""

import json
import multiprocessing
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from framework.access.key_file import KeyFileError, read_key_file
from framework.access.keys import digest
from security.__main__ import main
from security.commands import create_key, end_time


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "below" / "keys.json"


def run(path: Path, *arguments: str) -> int:
    return main([*arguments, "--keys", str(path)])


def test_a_key_is_shown_once_and_its_digest_kept(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scopes = ["--scopes", "wine:predict, models:read"]
    assert run(path, "create-key", "--name", "shop", *scopes, "--expires", "90d") == 0
    key = capsys.readouterr().out.strip()

    (kept,) = read_key_file(path).keys
    assert kept.sha256 == digest(key)
    assert key not in path.read_text()
    assert kept.scopes == ("wine:predict", "models:read")
    assert kept.name == "shop"
    assert kept.expires is not None
    assert kept.expires - kept.created == timedelta(days=90)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_keys_are_listed_and_revoked_by_their_ids(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (_, one), (_, other) = (create_key(path, name, ["*"], None) for name in ("one", "other"))
    assert run(path, "revoke", one) == 0
    revoked = read_key_file(path)
    assert run(path, "revoke", one) == 0
    assert read_key_file(path) == revoked
    capsys.readouterr()

    assert run(path, "list", "--json") == 0
    listed = {row["id"]: row["state"] for row in json.loads(capsys.readouterr().out)}
    assert list(listed) == [one, other]
    assert listed[one].startswith("revoked 20")
    assert listed[other] == "valid"
    assert run(path, "list") == 0
    assert other in capsys.readouterr().out


def test_a_certificate_is_allowed_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    allow = ["allow-certificate", "--subject", "spiffe://a/shop", "--name", "s", "--scopes", "*"]
    assert run(path, *allow) == 0
    assert run(path, *allow) == 2
    assert "allows spiffe://a/shop as" in capsys.readouterr().err
    (kept,) = read_key_file(path).certificates
    assert run(path, "revoke", kept.id) == 0
    assert run(path, *allow) == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--scopes", "model:read"], "did you mean models:read?"),
        (["--scopes", "metric:read"], "did you mean metrics:read?"),
        (["--scopes", "wine"], "'wine' is no scope; there are"),
        (["--scopes", "a:b", "--expires", "2020-01-01"], "2020-01-01 is past"),
        (["--scopes", "a:b", "--expires", "soon"], "'soon' is no time: 90d"),
        ([], "--scopes"),
    ],
)
def test_what_is_not_allowed_is_named_and_nothing_written(
    path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(path, "create-key", "--name", "x", *arguments)

    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err
    assert not path.exists()


def test_without_a_file_it_is_asked_for_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MODEL_SERVER_KEYS", raising=False)
    with pytest.raises(SystemExit):
        main(["list"])

    assert "--keys FILE, or MODEL_SERVER_KEYS=FILE" in capsys.readouterr().err


def test_an_unknown_id_revokes_nothing(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, known = create_key(path, "one", ["*"], None)
    before = path.read_bytes()

    assert run(path, "revoke", known, "aaaaaaaa") == 2
    assert f"{path} has no aaaaaaaa;" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is not a key file (Invalid JSON"),
        ('{"keys": 1}', "is not a key file (keys: "),
        ('{"kees": []}', "is not a key file (kees: Extra"),
        ("", "is not a key file"),
    ],
)
def test_a_broken_file_is_left_as_it_is(
    path: Path, capsys: pytest.CaptureFixture[str], content: str, complaint: str
) -> None:
    path.parent.mkdir()
    path.write_text(content)

    assert run(path, "create-key", "--name", "x", "--scopes", "*") == 2
    assert complaint in capsys.readouterr().err
    assert path.read_text() == content


def test_a_full_file_takes_no_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framework.access.key_file.MOST", 2)
    for _ in range(2):
        create_key(path, "x", ["*"], None)
    with pytest.raises(KeyFileError, match=r"is left as it is: .*more than 2 keys"):
        create_key(path, "x", ["*"], None)

    assert len(read_key_file(path).keys) == 2


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeyFileError, match="cannot be written"):
        create_key(tmp_path / "file" / "keys.json", "x", ["*"], None)


def _create_many(path: Path) -> None:
    for number in range(20):
        create_key(path, f"key {number}", ["*"], None)


@pytest.mark.parametrize(
    ("before", "after"), [(0o600, 0o600), (0o400, 0o600), (0o640, 0o640), (0o644, 0o640)]
)
def test_the_file_stays_readable_for_the_server(path: Path, before: int, after: int) -> None:
    create_key(path, "one", ["*"], None)
    # Only root may give a file away.
    owner = (10_001, 10_002) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(path, *owner)
    path.chmod(before)

    create_key(path, "another", ["*"], None)

    kept = path.stat()
    assert (kept.st_uid, kept.st_gid, stat.S_IMODE(kept.st_mode)) == (*owner, after)


def test_keys_made_at_the_same_time_are_all_kept(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    makers = [context.Process(target=_create_many, args=(path,)) for _ in range(3)]
    for one in makers:
        one.start()
    for one in makers:
        one.join(60)

    assert [one.exitcode for one in makers] == [0, 0, 0]
    assert len(read_key_file(path).keys) == 60


def test_times_are_read_as_people_write_them() -> None:
    now = datetime.now(UTC)

    assert timedelta(hours=11) < end_time("12h") - now < timedelta(hours=13)
    assert end_time("2999-01-31") == datetime(2999, 1, 31, tzinfo=UTC)
    assert end_time("2999-01-31T12:00+02:00").astimezone(UTC).hour == 10


def test_changes_of_keys_are_in_the_audit_log(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "audit.jsonl"
    monkeypatch.setenv("MODEL_SERVER_AUDIT", str(log))
    run(path, "create-key", "--name", "shop", "--scopes", "*")
    key = capsys.readouterr().out.strip()
    run(path, "revoke", key.split("_")[1])
    run(path, "revoke", "nobody")
    run(path, "list")

    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(one["action"], one["subject"], one["outcome"]) for one in told] == [
        ("create-key", key.split("_")[1], "done"),
        ("revoke", key.split("_")[1], "done"),
        ("revoke", "nobody", "refused"),
    ]
    assert key.split("_")[2] not in log.read_text()

    monkeypatch.setenv("MODEL_SERVER_AUDIT", str(tmp_path / "none" / "audit.jsonl"))
    before = path.read_bytes()
    assert run(path, "create-key", "--name", "shop", "--scopes", "*") == 2
    assert path.read_bytes() == before
