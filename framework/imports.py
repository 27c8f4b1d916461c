"""Keeping a worker small: imports without their optional companions."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Hides modules from what is imported inside, as if they were not installed.

    A library that offers support for another one often imports it just to ask about types.
    Modules that are loaded already stay visible, and all can be imported again afterwards.
    """
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
