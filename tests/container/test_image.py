"""What is in the image and, as much, what is not."""

import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bentoml
import pytest
import requests
import yaml
from packaging.utils import canonicalize_name

from deploy.bento import MEGABYTE
from deploy.engine import Engine
from deploy.image import image_size
from deploy.processes import ROOT
from deploy.running import Container
from framework.discovery import find_models
from framework.recipes.lightgbm import LightGBM
from tests.container.conftest import CANARY, IMAGE_NAME, Measured
from tests.container.test_bento import pinned

LARGEST_SHARE = 0.6
# What is a secret by its form. A package may hold the words, but not a key behind them.
SECRET = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64}"
    rb"|\bAKIA[0-9A-Z]{16}\b"
    rb"|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    rb"|\bglpat-[A-Za-z0-9_-]{20}\b"
    rb"|\bpypi-AgEI[A-Za-z0-9_-]{50}"
)
PRIVATE_FILE = re.compile(
    r"(^|/)(\.env|\.netrc|\.pypirc|\.git|\.ssh|id_(rsa|ed25519)|.*\.key)(/|$)"
)


@pytest.fixture(scope="module")
def configuration(engine: Engine, image: str) -> dict[str, Any]:
    (inspected,) = json.loads(engine.run("image", "inspect", image))
    found: dict[str, Any] = inspected["Config"]
    return found


@pytest.fixture(scope="module")
def stock_image(engine: Engine, bento: bentoml.Bento, tmp_path_factory: Any) -> Iterator[str]:
    """The same Bento on the same base, as BentoML makes it without a template of ours."""
    specification = yaml.safe_load((ROOT / "bentofile.yaml").read_text())
    del specification["docker"]["dockerfile_template"]
    bentofile: Path = tmp_path_factory.mktemp("stock") / "bentofile.yaml"
    bentofile.write_text(yaml.safe_dump(specification))
    version, name = f"stock-{bento.tag.version}", f"{IMAGE_NAME}:stock"
    options = [] if engine.name == "docker" else ["--opt", "network=host"]
    for command in (
        ["build", "--bentofile", str(bentofile), "--version", version],
        ["containerize", f"{bento.tag.name}:{version}", "--backend", engine.name, "-t", name],
    ):
        subprocess.run(
            [sys.executable, "-m", "bentoml", *command, *(options if "-t" in command else [])],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
    yield name
    engine.run("rmi", "--force", name)


def test_it_is_much_smaller_than_the_stock_image(
    engine: Engine, image: str, stock_image: str, measured: Measured
) -> None:
    size, stock = image_size(image, engine), image_size(stock_image, engine)

    measured(
        "size", f"{size / MEGABYTE:.0f} MB, stock {stock / MEGABYTE:.0f} MB: {size / stock:.0%}"
    )
    assert size <= LARGEST_SHARE * stock


def test_labels_name_version_commit_and_models(
    configuration: dict[str, Any], bento: bentoml.Bento, stored_models: dict[str, bentoml.Model]
) -> None:
    labels = configuration["Labels"]

    assert labels["org.opencontainers.image.version"] == bento.tag.version
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert re.fullmatch("[0-9a-f]{40}", labels["org.opencontainers.image.revision"])
    for name, model in stored_models.items():
        assert labels[f"model-server.{name}"] == str(model.tag)


def test_user_ports_and_health_check_are_declared(configuration: dict[str, Any]) -> None:
    assert configuration["User"] == "10001:10001"
    assert configuration["ExposedPorts"].keys() == {"3000/tcp", "3001/tcp"}
    health = configuration.get("Healthcheck") or configuration.get("Health")
    assert health is None or "/livez" in str(health)
    assert configuration["Entrypoint"][0] == "bentoml", "no shell in between"


def test_trees_are_compiled_without_a_compiler(container: Container) -> None:
    """By code that only root may write, and the server, which is not root, may read."""
    names = [model.name for model in find_models().values() if isinstance(model, LightGBM)]
    models = requests.get(f"{container.url}/models", timeout=30).json()

    computed_by = {model["name"]: model["computed_by"] for model in models}
    assert names
    assert {computed_by[name] for name in names} == {"compiled trees"}


def test_no_compiler_git_or_package_cache_is_left(container: Container) -> None:
    found = container.engine.run(
        "exec",
        container.id,
        "sh",
        "-c",
        "for name in gcc cc g++ make git gpg uv curl; do command -v $name; done;"
        "ls -A /var/lib/apt/lists /root/.cache /tmp/pip* 2>/dev/null | grep -v ':$'; true",
    )

    assert found == ""


def test_no_layer_holds_a_secret(engine: Engine, image: str, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    engine.run("save", "--output", str(archive), image)

    problems, files = [], 0
    with tarfile.open(archive) as saved:
        for member in saved:
            blob = saved.extractfile(member)
            if blob is None:
                continue
            if not member.name.endswith(".tar"):
                problems += _secrets(member.name, blob.read())
                continue
            with tarfile.open(fileobj=blob) as layer:
                for entry in layer:
                    content = layer.extractfile(entry) if entry.isreg() else None
                    files += 1
                    problems += _secrets(entry.name, content.read() if content else b"")

    assert problems == []
    assert files > 1_000, "the layers were read"


def _secrets(name: str, content: bytes) -> list[str]:
    private = PRIVATE_FILE.search(name)
    canary = CANARY.encode() in content
    # Debian's TLS libraries test themselves with keys that everybody knows.
    text = b"\0" not in content
    return [name] if private or canary or (text and SECRET.search(content)) else []


def test_the_inventory_lists_what_is_installed(container: Container) -> None:
    inventory = json.loads(container.engine.run("exec", container.id, "cat", "/opt/sbom.cdx.json"))

    assert inventory["bomFormat"] == "CycloneDX"
    listed: dict[str, set[str]] = {"pypi": set(), "deb": set()}
    for part in inventory["components"]:
        kind = part["purl"].partition("/")[0].removeprefix("pkg:")
        listed[kind].add(f"{part['name']} {part['version']}")
    python = {canonicalize_name(line.split()[0]) for line in listed["pypi"]}
    assert {canonicalize_name(name) for name in pinned(ROOT / "requirements.txt")} <= python
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n"]
    debian = container.engine.run("exec", container.id, *query).splitlines()
    assert listed["deb"] == set(debian)
    assert "libgomp1" in {line.split()[0] for line in debian}
