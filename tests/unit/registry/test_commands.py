"""The command line, each command a process of its own, on real models."""

import shutil
import signal
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from framework.gate import GATE_FILE
from framework.pointer import FILE, read_pointer
from registry.__main__ import main
from registry.commands import Registry
from registry.errors import RegistryError
from registry.history import History
from registry.promotion import promote
from tests.stored import without_hashes
from tests.unit.registry.made import (
    BEFORE_FILE,
    DEADLINE_SECONDS,
    NAME,
    TOGETHER,
    done,
    registry,
)

FORCED = ("--force", "--reason", "because")
V1, V2, V3 = (f"{NAME}:v{number}" for number in (1, 2, 3))


def tags(home: Path) -> dict[str, str]:
    return {alias: one.tag for alias, one in read_pointer(home).models[NAME].items()}


def test_the_first_is_champion_the_later_challenger_and_back_again(home: Path) -> None:
    assert tags(home) == {"champion": V1}
    assert done(home, "list")[NAME]["challenger"]["tag"] == V2

    done(home, "promote", V2, "--reason", "knows-more")
    assert tags(home) == {"champion": V2, "previous": V1}
    done(home, "rollback", NAME)
    assert tags(home) == {"champion": V1, "previous": V2}

    events = done(home, "history", NAME)
    assert [(one["action"], one["alias"], one["from"], one["to"]) for one in events] == [
        ("register", "champion", None, V1),
        ("register", "challenger", None, V2),
        ("promote", "champion", V1, V2),
        ("rollback", "champion", V2, V1),
    ]
    assert events[2]["reason"] == "knows-more"
    assert {"card.json", "model.yaml"} < events[2]["files"].keys()
    shown = {one["tag"]: list(one["aliases"]) for one in done(home, "show", NAME)}
    assert shown == {V1: ["champion"], V2: ["previous"]}
    sources = done(home, "diff", V1, V2)["data.source"]
    assert [Path(one).name for one in sources] == ["wrong.csv", "right.csv"]


def test_of_what_was_there_before_the_newest_becomes_champion(home: Path) -> None:
    for path in home.glob("registry*"):
        path.unlink()

    done(home, "list")

    assert tags(home) == {"champion": V2}
    assert [one["alias"] for one in done(home, "history", NAME)] == [None, "champion"]


def test_the_history_is_in_the_database_that_is_named(home: Path, url: str) -> None:
    done(home, "promote", V1, *FORCED, MODEL_SERVER_DATABASE=url)

    assert tags(home) == {"champion": V1, "previous": V2}
    assert len(done(home, "history", NAME, "--database", url)) == 3


def test_of_two_processes_that_promote_at_once_one_loses(
    home: Path, url: str, tmp_path: Path
) -> None:
    shutil.copytree(home / "models" / NAME / "v2", home / "models" / NAME / "v3")
    about = home / "models" / NAME / "v3" / "model.yaml"
    about.write_text(about.read_text().replace("version: v2", "version: v3"))
    done(home, "list", "--database", url)
    held = tags(home)["champion"]
    together = tmp_path / "together"
    together.mkdir()

    others = [tag for tag in (V1, V2, V3) if tag != held]
    both = [
        registry(home, "promote", tag, *FORCED, "--database", url, **{TOGETHER: str(together)})
        for tag in others
    ]
    complaints = [process.communicate(timeout=DEADLINE_SECONDS)[1] for process in both]

    assert sorted(process.returncode for process in both) == [0, 2]
    (won,) = [tag for tag, process in zip(others, both, strict=True) if not process.returncode]
    assert f"now it is {won}" in "".join(complaints)
    assert tags(home) == {
        **{alias: tag for alias, tag in tags(home).items() if alias == "challenger"},
        "champion": won,
        "previous": held,
    }


def test_a_killed_promotion_is_completed_by_the_next_command(home: Path) -> None:
    done(home, "list")
    with registry(home, "promote", V2, **{BEFORE_FILE: "registry.json"}) as process:
        process.wait(DEADLINE_SECONDS)
    assert process.returncode == -signal.SIGKILL
    assert tags(home)["champion"] == V1

    done(home, "list")

    assert tags(home) == {"champion": V2, "previous": V1}


def _append_to(home: Path, name: str) -> None:
    with (home / "models" / NAME / "v2" / name).open("ab") as file:
        file.write(b" ")


def _truncate(home: Path, name: str) -> None:
    path = home / "models" / NAME / "v2" / name
    path.write_bytes(path.read_bytes()[:-50])


def _forge(home: Path, _: str) -> None:
    without_hashes(home / "models" / NAME / "v2")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (_append_to, "model.skops"),
        (_truncate, "model.skops"),
        (_truncate, "card.json"),
        (_forge, ""),
    ],
)
def test_a_version_that_has_changed_is_not_promoted(home: Path, change: Any, name: str) -> None:
    done(home, "list")
    change(home, name)

    assert "is not what it was at event 2" in done(home, "promote", V2, code=2)

    assert tags(home) == {"champion": V1, "challenger": V2}
    found = {one["tag"]: one["problem"] for one in done(home, "verify", NAME, code=1)}
    assert found[V1] is None
    assert "changed" in found[V2]


def test_a_version_that_was_damaged_before_it_was_known_stays_out(home: Path) -> None:
    _truncate(home, "model.skops")

    assert "challenger" not in done(home, "list")[NAME]


def test_a_file_that_cannot_be_read_is_told(home: Path) -> None:
    done(home, "list")
    # Reading it fails for root, too.
    (home / "models" / NAME / "v2" / "extra").symlink_to("/proc/self/mem")

    assert f"Model {V2} cannot be read" in done(home, "promote", V2, code=2)


def test_a_report_of_another_program_is_as_good_as_none(home: Path) -> None:
    (home / "models" / NAME / "v2" / GATE_FILE).write_text('{"form": 2}')
    without_hashes(home / "models" / NAME / "v2")

    assert done(home, "list")[NAME]["challenger"]["tag"] == V2
    assert "has not been compared" in done(home, "promote", V2, code=2)


def test_a_version_that_computes_something_else_is_not_promoted(home: Path) -> None:
    def forge(card: Any) -> Any:
        golden = card.golden[0]
        wrong = {
            name: 0.123 if isinstance(value, float) else value
            for name, value in golden.prediction.items()
        }
        return card.model_copy(
            update={"golden": [golden.model_copy(update={"prediction": wrong}), *card.golden[1:]]}
        )

    without_hashes(home / "models" / NAME / "v2", forge)

    assert "golden example 0" in done(home, "promote", V2, code=2)


def test_what_cannot_be_done_is_said_in_a_sentence(home: Path) -> None:
    refusals = [
        (["promote", f"{NAME}:v9"], f"it has {V1}, {V2}"),
        (["promote", NAME], "no exact tag"),
        (["promote", f"{NAME}:latest"], "no exact tag"),
        (["promote", V1], "already"),
        (["promote", V1, "--as", "challenger"], "already"),
        (["rollback", NAME], "before the present one"),
        (["history", "unknown"], "there are: "),
        (["list", "--database", "mysql://host/name"], "postgresql://USER:PASSWORD@HOST/NAME"),
    ]
    # One process for all of them.
    command = [word for arguments, _ in refusals for word in (*arguments, "+")][:-1]
    with registry(home, *command) as process:
        _, complaints = process.communicate(timeout=DEADLINE_SECONDS)

    assert process.returncode == 2
    for complaint, (_, said) in zip(complaints.splitlines(), refusals, strict=True):
        assert said in complaint


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
def test_nobody_waits_for_ever(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["promote", V2, "--wait", seconds])

    assert f"'{seconds}' is no number of seconds: allowed are 0 or more" in capsys.readouterr().err


def test_a_reason_has_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="--reason WHY"):
        promote(Registry(History(tmp_path), {}), Namespace(force=True, reason=" "))


def test_a_pointer_that_was_damaged_is_written_anew(home: Path) -> None:
    (home / FILE).write_text("{")

    done(home, "list")

    assert tags(home)["champion"] == V1
