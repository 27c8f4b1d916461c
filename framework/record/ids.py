"""Prediction ids: which model's record holds a prediction, and which one it is."""

import itertools
import os
import re
from collections.abc import Callable, Iterator

_NONCE_BYTES = 7
_ID = re.compile(r"([a-z][a-z0-9_]*)-[0-9a-f]{24}")


def prediction_ids(model: str) -> Callable[[], str]:
    """Returns what makes the ids of a model's predictions in this process.

    An id is the model's name and 24 hexadecimal digits: 14 that are drawn anew each time that this
    is called, and a count.
    """
    return _counted(f"{model}-{os.urandom(_NONCE_BYTES).hex()}").__next__


def _counted(start: str) -> Iterator[str]:
    # To write a number down takes six times as long as to add its last digits to the first.
    ends = [f"{number:03x}" for number in range(16**3)]
    for high in itertools.count():
        begin = f"{start}{high:07x}"
        for end in ends:
            yield begin + end


def model_of(prediction_id: str) -> str | None:
    """Returns the name of the model that made a prediction; None if the id is none."""
    found = _ID.fullmatch(prediction_id)
    return found[1] if found else None
