"""A LightGBM booster that scores through the C API: no garbage, and quick with a single row."""

import ctypes
import weakref
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from framework.adapters.lightgbm import LIBRARY, Booster, booster_handle, require_success
from framework.computation import Computation

# Constants of LightGBM's C API (c_api.h): C_API_DTYPE_FLOAT64, C_API_PREDICT_NORMAL.
_FLOAT64 = ctypes.c_int(1)
_PREDICT_NORMAL = ctypes.c_int(0)
_ROW_AFTER_ROW = ctypes.c_int(1)
_FIRST_TREE, _TO_THE_LAST = ctypes.c_int(0), ctypes.c_int(-1)
# Workers, not threads, share out the cores; a team of threads costs more to wake than a small
# batch costs to score.
_PARAMETERS = ctypes.c_char_p(b"num_threads=1")


class Scorer:
    """Scores rows with a booster; may be called from several threads.

    `Booster.predict` leaves reference cycles behind (those of `ctypes.cast`): thousands a second,
    on which the garbage collector then stalls a worker. And LightGBM reads its parameters anew at
    every call, which for one row takes as long as the row itself, but for the calls that are
    prepared for single rows.

    Args:
        booster: The model.
        hindrance: Why it is not scored by compiled trees; see `Computation`.
        detail: The same.

    Attributes:
        outputs: Numbers that it gives for each row: one, or one for each class.
        computation: What computes them.

    Raises:
        ValueError: LightGBM would write another number of them than it says.
    """

    def __init__(self, booster: Booster, hindrance: str = "", detail: str = "") -> None:
        self._booster = booster
        self.computation = Computation("lightgbm", False, hindrance, detail)
        self._handle = booster_handle(booster)
        self._columns: int = booster.num_feature()
        self.outputs = self._written_each_row()
        self._single = ctypes.c_void_p()
        require_success(
            LIBRARY.LGBM_BoosterPredictForMatSingleRowFastInit(
                self._handle,
                _PREDICT_NORMAL,
                _FIRST_TREE,
                _TO_THE_LAST,
                _FLOAT64,
                ctypes.c_int32(self._columns),
                _PARAMETERS,
                ctypes.byref(self._single),
            )
        )
        weakref.finalize(self, LIBRARY.LGBM_FastConfigFree, self._single)

    def _written_each_row(self) -> int:
        """Returns how many numbers LightGBM writes for each row.

        It tells the room that a prediction needs from one line of the model file, and writes by
        another: where they differ it would write past the room's end.
        """
        needed = ctypes.c_int64()
        require_success(
            LIBRARY.LGBM_BoosterCalcNumPredict(
                self._handle,
                ctypes.c_int(1),
                _PREDICT_NORMAL,
                _FIRST_TREE,
                _TO_THE_LAST,
                ctypes.byref(needed),
            )
        )
        trees: int = self._booster.num_model_per_iteration()
        if needed.value != trees:
            raise ValueError(
                f"The model has {trees} trees an iteration for {needed.value} outputs a row."
            )
        return trees

    def contributions(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the exact tree SHAP values of every row, one per feature and the base value."""
        shap = self._booster.predict(features, num_threads=1, pred_contrib=True)
        return cast(NDArray[np.float64], shap)

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the score of every row: shape `[N]`, or `[N, outputs]` if there are several.

        Args:
            features: One row per record, in the order of the model's features.

        Raises:
            ValueError: The number of columns is not that of the model's features.
            RuntimeError: LightGBM refused.
        """
        features, rows, scores = self._room(features)
        data, out = pointer(features), pointer(scores)
        written = ctypes.byref(ctypes.c_int64())
        if rows == 1:
            failed = LIBRARY.LGBM_BoosterPredictForMatSingleRowFast(
                self._single, data, written, out
            )
        else:
            failed = LIBRARY.LGBM_BoosterPredictForMat(
                self._handle,
                data,
                _FLOAT64,
                ctypes.c_int32(rows),
                ctypes.c_int32(self._columns),
                _ROW_AFTER_ROW,
                _PREDICT_NORMAL,
                _FIRST_TREE,
                _TO_THE_LAST,
                _PARAMETERS,
                written,
                out,
            )
        require_success(failed)
        return scores

    def _room(
        self, features: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], int, NDArray[np.float64]]:
        """Returns the features as C functions take them, the rows' number, room for the scores."""
        rows, columns = features.shape
        if columns != self._columns:
            raise ValueError(f"The model has {self._columns} features, not {columns}.")
        scores = np.empty(rows if self.outputs == 1 else (rows, self.outputs))
        return np.ascontiguousarray(features, np.float64), rows, scores


def pointer(numbers: NDArray[np.float64]) -> Any:
    """Returns where numbers are, as an argument of a C function; for as long as they live."""
    # A fifth of the time that `numbers.ctypes` takes; what is read-only or empty has no buffer.
    if numbers.flags.writeable and numbers.size:
        # An array is a buffer, which types can say from Python 3.12 on.
        return ctypes.byref(ctypes.c_double.from_buffer(numbers))  # type: ignore[arg-type]
    return ctypes.c_void_p(numbers.ctypes.data)
