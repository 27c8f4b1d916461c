"""Hiding optional companions of an import."""

import importlib
import subprocess
import sys

import pytest

from deploy.processes import ROOT
from framework.imports import without


def test_a_module_is_hidden_inside_and_back_afterwards() -> None:
    sys.modules.pop("colorsys", None)

    with without("colorsys"), pytest.raises(ImportError):
        importlib.import_module("colorsys")

    assert importlib.import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_a_module_that_is_loaded_stays_visible() -> None:
    loaded = importlib.import_module("colorsys")

    with without("colorsys"):
        assert importlib.import_module("colorsys") is loaded


# What a service module needs, which is all that a server's master imports.
MASTER = "import sys, serving, framework.recipes.lightgbm, framework.recipes.pipeline;"
WORKER = MASTER + (
    "import framework.recipes.scorer, framework.recipes.skops_archive;"
    "import framework.recipes.text_pipeline;"
)
COMPANIONS = {"matplotlib", "pandas", "pyarrow", "pytest"}


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        pytest.param(MASTER, COMPANIONS | {"lightgbm", "scipy", "sklearn", "skops"}, id="master"),
        pytest.param(WORKER, COMPANIONS, id="worker"),
    ],
)
def test_a_process_loads_no_library_that_it_does_not_need(code: str, unwanted: set[str]) -> None:
    code += f"sys.exit(' '.join({unwanted} & set(sys.modules)))"

    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (ran.returncode, ran.stderr.strip()) == (1, "")
