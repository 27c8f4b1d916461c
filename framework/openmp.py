"""LightGBM's OpenMP runtime, which its wheel leaves to the system."""

import ctypes

from bentoml.exceptions import BentoMLException

LIBRARY = "libgomp.so.1"


class MissingOpenMPError(BentoMLException):
    """The machine lacks the OpenMP runtime; the message says how to install it.

    Of BentoML's kind, so that `bentoml serve` ends with the message alone.
    """

    def __init__(self) -> None:
        super().__init__(f"LightGBM needs the OpenMP runtime {LIBRARY}: apt-get install libgomp1")


def require_openmp() -> None:
    """Makes sure that LightGBM can be imported; else its import ends in a loader's traceback.

    Raises:
        MissingOpenMPError: The library cannot be loaded.
    """
    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise MissingOpenMPError from error
