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


def test_a_worker_loads_no_library_of_training_or_testing() -> None:
    code = (
        "import sys, serving, framework.recipes.lightgbm, framework.recipes.pipeline;"
        "from framework.discovery import find_models; find_models();"
        "print(sorted({'pandas', 'pyarrow', 'matplotlib', 'pytest'} & set(sys.modules)))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip() == "[]"
