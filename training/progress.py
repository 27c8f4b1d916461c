"""Progress bars: on a terminal's standard error, silent everywhere else."""

from typing import Any

from tqdm import tqdm


def bar(total: int, label: str) -> "tqdm[Any]":
    """Returns a bar of `total` steps, to be used as a context manager."""
    # `disable=None` is tqdm's word for "unless this is a terminal".
    return tqdm(total=total, desc=label, disable=None, leave=False, dynamic_ncols=True)
