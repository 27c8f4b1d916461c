"""Archives: there and back on every kind of place, and refused when anything is wrong with them."""

import io
import random
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from registry.backup.archive import SUMS, extract, writing
from registry.errors import RegistryError

FILES = {"about.json": b"{}", "models/one/v1/model.txt": bytes(range(256)) * 300, "empty": b""}


def made(target: str) -> str:
    with writing(target) as archive:
        for name, content in FILES.items():
            archive.add_bytes(name, content)
    return target


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("name", ["folder", "one.tar", "one.tar.gz", "below/it/one.tgz"])
@pytest.mark.parametrize("place", ["{}/", "file://{}/", "memory://{}/"])
def test_files_come_back_as_they_were(tmp_path: Path, place: str, name: str) -> None:
    target = made(place.format(tmp_path) + name)

    extract(target, tmp_path / "back")

    assert content(tmp_path / "back") == FILES


def test_other_programs_verify_it(tmp_path: Path) -> None:
    folder = made(str(tmp_path / "folder"))

    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=folder, check=True)
    with tarfile.open(made(str(tmp_path / "one.tar"))) as tar:
        assert tar.getnames() == [*FILES, SUMS]
    assert (tmp_path / "one.tar").stat().st_mode & 0o077 == 0


def test_nothing_is_written_over(tmp_path: Path) -> None:
    for name in ("folder", "one.tar"):
        target = made(str(tmp_path / name))
        with pytest.raises(RegistryError, match="is there already"):
            made(target)


@pytest.mark.parametrize("name", ["folder", "one.tar", "one.tar.gz"])
def test_one_that_was_interrupted_is_none(tmp_path: Path, name: str) -> None:
    target = str(tmp_path / name)

    def interrupted() -> None:
        with writing(target) as archive:
            archive.add_bytes("about.json", b"{}")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    with pytest.raises(RegistryError):
        extract(target, tmp_path / "back")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_whatever_is_damaged_is_refused_or_of_no_account(tmp_path: Path, ending: str) -> None:
    path = Path(made(str(tmp_path / f"one.{ending}")))
    whole = path.read_bytes()
    chance = random.Random(1)
    damaged = [whole[: chance.randrange(len(whole))] for _ in range(40)]
    for _ in range(120):
        at = chance.randrange(len(whole))
        damaged.append(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
    refused = 0
    for number, one in enumerate(damaged):
        path.write_bytes(one)
        try:
            extract(str(path), tmp_path / str(number))
        except RegistryError:
            refused += 1
        else:
            # Padding, or a time: what comes of it is what was put in.
            assert content(tmp_path / str(number)) == FILES
    assert refused > len(damaged) / 2


def _changed(folder: Path) -> None:
    (folder / "models/one/v1/model.txt").write_bytes(b"other")


def _missing(folder: Path) -> None:
    (folder / "empty").unlink()


def _added(folder: Path) -> None:
    (folder / "models/one/v1/more.txt").touch()


def _unlisted(folder: Path) -> None:
    (folder / SUMS).unlink()


def _listed_otherwise(folder: Path) -> None:
    (folder / SUMS).write_bytes((folder / SUMS).read_bytes().upper())


@pytest.mark.parametrize("damage", [_changed, _missing, _added, _unlisted, _listed_otherwise])
def test_a_folder_that_was_changed_is_refused(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = tmp_path / "folder"
    made(str(folder))
    damage(folder)

    with pytest.raises(RegistryError, match="is no whole archive"):
        extract(str(folder), tmp_path / "back")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../evil", tarfile.REGTYPE),
        ("a/../../evil", tarfile.REGTYPE),
        ("/evil", tarfile.REGTYPE),
        ("./evil", tarfile.REGTYPE),
        ("evil\nname", tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
        ("link", tarfile.LNKTYPE),
        ("pipe", tarfile.FIFOTYPE),
        ("device", tarfile.CHRTYPE),
        ("folder", tarfile.DIRTYPE),
    ],
)
def test_a_tar_with_what_reaches_out_of_it_is_refused(
    tmp_path: Path, name: str, kind: bytes
) -> None:
    path = tmp_path / "in" / "evil.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as tar:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, "../evil"
        entry.size = 4 if kind == tarfile.REGTYPE else 0
        tar.addfile(entry, io.BytesIO(b"evil"))

    with pytest.raises(RegistryError, match=r"no plain file|cannot be the name"):
        extract(str(path), tmp_path / "in" / "back")

    assert [one for one in tmp_path.rglob("*evil*") if one != path] == []


def test_a_place_that_is_not_known_is_told_of(tmp_path: Path) -> None:
    assert "nowhere" not in fsspec.available_protocols()
    with pytest.raises(RegistryError, match="nowhere://there cannot be used"):
        made("nowhere://there")
    with pytest.raises(RegistryError, match=r"missing\.tar"):
        extract(str(tmp_path / "missing.tar"), tmp_path / "back")
