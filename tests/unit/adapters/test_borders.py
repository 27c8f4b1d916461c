"""The insides of other libraries are named in the adapters and nowhere else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.processes import ROOT

ADAPTERS = ROOT / "framework" / "adapters"
FOLDERS = ("serving", "training", "models", "deploy", "framework", "load_tests")
INSIDES = re.compile(
    r"_bentoml_impl|_bentoml_sdk|bentoml\._internal|_model_store\b"
    r"|uvicorn\.protocols|lightgbm\.basic|prometheus_client\.(?:values|mmap_dict)"
    # Private attributes of theirs; one of the same name on `self` is one of ours.
    r"|(?<!self)\._(?:service_instance|setup|upper_bounds|buckets|sum|handle)\b"
)


def files() -> Iterator[Path]:
    """Every Python file of the project that runs, but for the adapters."""
    yield ROOT / "service.py"
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not path.is_relative_to(ADAPTERS):
                yield path


def insides(text: str) -> list[str]:
    """The lines that name insides."""
    return [line.strip() for line in text.splitlines() if INSIDES.search(line)]


def test_only_adapters_name_insides() -> None:
    found = {str(path.relative_to(ROOT)): insides(path.read_text()) for path in files()}

    assert len(found) > 50
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "from bentoml._internal.models import ModelStore",
        'WORKER = "_bentoml_impl.worker.service"',
        "from _bentoml_sdk.method import APIMethod",
        "from uvicorn.protocols.http.httptools_impl import RequestResponseCycle",
        "from lightgbm.basic import _LIB",
        "child._sum.inc(1)",
        "booster._handle",
        "self._booster._handle",
        "factory._service_instance",
    ],
)
def test_insides_are_recognised(line: str) -> None:
    assert insides(line) == [line]


@pytest.mark.parametrize("line", ["self._handle = 1", "import bentoml", "import lightgbm"])
def test_what_is_ours_or_public_is_not(line: str) -> None:
    assert insides(line) == []
