"""Backups in a bucket, of a server that speaks S3."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.processes import Child, free_port
from tests.server.environments import python_environment
from tests.unit.registry.made import NAME, PACKAGES, done

DEADLINE_SECONDS = 60

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """What a command is to know of a server with an empty bucket."""
    programs = python_environment("s3")
    (packages,) = programs.parent.glob("lib/python*/site-packages")
    url = f"http://127.0.0.1:{(port := free_port())}"

    def make_bucket() -> bool:
        asked = urllib.request.Request(f"{url}/bucket", method="PUT")
        try:
            with urllib.request.urlopen(asked, timeout=5):
                return True
        except OSError:
            return False

    command = [str(programs / "python"), str(programs / "moto_server"), "-p", str(port)]
    with Child([*command, "-H", "127.0.0.1"], {"PYTHONPATH": ""}) as server:
        server.wait_until(make_bucket, DEADLINE_SECONDS, "the bucket could not be made")
        yield {
            PACKAGES: str(packages),
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "keeper",
            "AWS_SECRET_ACCESS_KEY": "s3cret",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@pytest.mark.parametrize("name", ["monday.tar.gz", "monday"])
def test_it_comes_back_from_a_bucket(
    home: Path, tmp_path: Path, s3: dict[str, str], name: str
) -> None:
    target, other = f"s3://bucket/{name}", tmp_path / "other"

    done(home, "backup", target, environment=s3)
    done(other, "restore", target, environment=s3)

    for version in ("v1", "v2"):
        for path in (home / "models" / NAME / version).iterdir():
            assert (other / path.relative_to(home)).read_bytes() == path.read_bytes()
    assert "is there already" in done(home, "backup", target, code=2, environment=s3)


def test_what_it_cannot_do_is_said_in_a_sentence(tmp_path: Path, s3: dict[str, str]) -> None:
    refusals = {
        "s3://bucket/none.tar": ({}, "there is nothing of this name"),
        "s3://bucket/none": ({"AWS_ACCESS_KEY_ID": ""}, "credentials"),
    }
    for source, (others, said) in refusals.items():
        told = done(tmp_path, "restore", source, code=2, environment={**s3, **others})
        assert said in told
        assert "s3cret" not in told
