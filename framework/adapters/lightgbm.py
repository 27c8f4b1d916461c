"""LightGBM's insides: its C library, and a booster as that library knows it."""

import ctypes

from framework.imports import without

# LightGBM imports them to accept their types and to offer estimators like theirs, of which nothing
# is used here: 120 MB in every worker.
with without("pandas", "pyarrow", "sklearn"):
    import lightgbm
    from lightgbm import Booster
    from lightgbm.basic import _LIB, LightGBMError  # type: ignore[attr-defined]

__all__ = ["LIBRARY", "Booster", "LightGBMError", "booster_handle", "lightgbm", "require_success"]

LIBRARY: ctypes.CDLL = _LIB
"""The C API (c_api.h), in the instance of the library that LightGBM itself has loaded."""

LIBRARY.LGBM_GetLastError.restype = ctypes.c_char_p


def booster_handle(booster: Booster) -> ctypes.c_void_p:
    """Returns what the C API calls a booster; valid as long as the booster lives."""
    handle: ctypes.c_void_p = booster._handle  # noqa: SLF001
    return handle


def require_success(failed: int) -> None:
    """Takes the return value of a function of the C API.

    Raises:
        RuntimeError: It reports a failure; the message is LightGBM's.
    """
    if failed:
        raise RuntimeError(f"LightGBM: {LIBRARY.LGBM_GetLastError().decode()}")
