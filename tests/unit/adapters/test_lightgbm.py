"""LightGBM's library and handle, as those who call its C API rely on them."""

import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deploy.processes import ROOT
from framework.adapters.lightgbm import (
    LIBRARY,
    Booster,
    LightGBMError,
    booster_handle,
    require_success,
)

# A tree of one split, in LightGBM's own text format, is made by training on these.
TRAIN = """
import sys, lightgbm, numpy as np
x = np.arange(40.0).reshape(20, 2)
parameters = {"objective": "regression", "min_data_in_leaf": 1, "verbosity": -1, "num_threads": 1}
booster = lightgbm.train(parameters, lightgbm.Dataset(x, x[:, 0]), num_boost_round=3)
booster.save_model(sys.argv[1])
"""


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two features."""
    path = tmp_path_factory.mktemp("lightgbm") / "model.txt"
    subprocess.run([sys.executable, "-c", TRAIN, path], cwd=ROOT, check=True)
    return path


@pytest.fixture
def booster(model_file: Path) -> Booster:
    """The model, loaded."""
    return Booster(model_file=model_file)


def test_handle_is_what_the_c_api_calls_the_booster(booster: Booster) -> None:
    features, trees = ctypes.c_int(), ctypes.c_int()
    handle = booster_handle(booster)

    require_success(LIBRARY.LGBM_BoosterGetNumFeature(handle, ctypes.byref(features)))
    require_success(LIBRARY.LGBM_BoosterNumberOfTotalModel(handle, ctypes.byref(trees)))

    assert features.value == booster.num_feature() == 2
    assert trees.value == booster.num_trees() == 3


def test_handle_stays_the_same_after_a_prediction(booster: Booster) -> None:
    handle = booster_handle(booster)

    booster.predict(np.ones((3, 2)), num_threads=1)

    assert booster_handle(booster) is handle


def test_library_is_the_one_lightgbm_has_loaded_with_its_c_api(booster: Booster) -> None:
    rows = np.array([[0.0, 1.0], [38.0, 39.0]])
    scores, written = np.empty(2), ctypes.c_int64()

    require_success(
        LIBRARY.LGBM_BoosterPredictForMat(
            booster_handle(booster),
            ctypes.c_void_p(rows.ctypes.data),
            ctypes.c_int(1),  # float64
            ctypes.c_int32(2),
            ctypes.c_int32(2),
            ctypes.c_int(1),  # row after row
            ctypes.c_int(0),  # scores, not leaves
            ctypes.c_int(0),
            ctypes.c_int(-1),
            ctypes.c_char_p(b"num_threads=1"),
            ctypes.byref(written),
            ctypes.c_void_p(scores.ctypes.data),
        )
    )

    assert written.value == 2
    np.testing.assert_array_equal(scores, booster.predict(rows))


def test_last_error_tells_in_words_why_a_call_failed() -> None:
    missing = ctypes.c_char_p(b"/nowhere/model.txt")
    failed = LIBRARY.LGBM_BoosterCreateFromModelfile(
        missing, ctypes.byref(ctypes.c_int()), ctypes.byref(ctypes.c_void_p())
    )

    with pytest.raises(RuntimeError, match=r"LightGBM: .*/nowhere/model\.txt"):
        require_success(failed)


def test_its_import_brings_neither_pandas_nor_pyarrow(model_file: Path) -> None:
    code = (
        "import sys; from framework.adapters.lightgbm import Booster;"
        "Booster(model_file=sys.argv[1]).predict([[1.0, 2.0]]);"
        "sys.exit(len({'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code, model_file], cwd=ROOT, check=True)


def test_what_lightgbm_cannot_read_raises_its_own_error() -> None:
    """`LightGBMError` is what a file that is none ends in, so that it can be told as a sentence."""
    with pytest.raises(LightGBMError):
        Booster(model_str="tree\nnothing of a model")
