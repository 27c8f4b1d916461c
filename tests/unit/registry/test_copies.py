"""`backup`, `restore`, `export` and `import` of real versions, each a process of its own."""

import json
from pathlib import Path

from framework.gate import GateReport
from framework.pointer import read_pointer
from registry.backup.save import _configuration
from registry.history import History
from tests.unit.registry.made import NAME, done

V1, V2 = f"{NAME}:v1", f"{NAME}:v2"


def tags(home: Path) -> dict[str, str]:
    return {alias: one.tag for alias, one in read_pointer(home).models[NAME].items()}


def damage(home: Path, version: str) -> None:
    with (home / "models" / NAME / version / "model.skops").open("ab") as file:
        file.write(b" ")


def test_a_version_that_has_changed_is_not_copied_which_is_said(home: Path, tmp_path: Path) -> None:
    done(home, "list")
    damage(home, "v2")
    other = tmp_path / "other"

    assert "changed" in done(home, "export", V2, str(tmp_path / "v2.tar"), code=2)
    told = done(home, "backup", str(tmp_path / "all.tar"), code=1)
    done(other, "restore", str(tmp_path / "all.tar"))

    assert not (tmp_path / "v2.tar").exists()
    assert (told["versions"], told["left_out"]) == ([V1], [V2])
    assert tags(other) == tags(home)
    assert not (other / "models" / NAME / "v2").exists()


def test_a_version_goes_to_another_stage_and_is_known_there(home: Path, tmp_path: Path) -> None:
    file, other = str(tmp_path / "one.tar"), tmp_path / "other"
    audit = str(tmp_path / "audit.log")
    done(home, "promote", V2, "--reason", "better", MODEL_SERVER_AUDIT=audit)
    exported = done(home, "export", V2, file)

    imported = done(other, "import", file, MODEL_SERVER_AUDIT=audit)
    assert imported == {"tag": V2, "stored": True, "alias": "champion"}
    assert done(other, "import", file) == {"tag": V2, "stored": False, "alias": None}
    damage(other, "v2")
    refused = done(other, "import", file, code=2, MODEL_SERVER_AUDIT=audit)

    assert f"another {V2} already, which differs in model.skops" in refused
    (event,) = History(other).events()
    assert event.change.files == exported["files"]
    assert GateReport.model_validate(event.change.gate).champion == V1
    assert event.change.reason.startswith("imported (champion elsewhere since ")
    assert (other / "models" / NAME / "latest").read_text() == "v2"
    told = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]
    assert [(one["action"], one["subject"], one["outcome"]) for one in told] == [
        ("promote", V2, "done"),
        ("import", file, "done"),
        ("import", file, "refused"),
    ]
    assert told[0]["reason"] == "better"


def test_the_configuration_holds_settings_and_no_secret() -> None:
    environment = {
        "HOME": "/root",
        "MODELS": "one two",
        "MODEL_SERVER_API_TOKEN": "s3cret",
        "MODEL_SERVER_DATABASE": "postgresql://keeper:s3cret@host/name",
        "ONE_MODEL": "one:v1",
    }

    assert _configuration(environment).decode().splitlines() == [
        "MODELS='one two'",
        "MODEL_SERVER_DATABASE='postgresql://keeper:***@host/name'",
        "ONE_MODEL=one:v1",
    ]
