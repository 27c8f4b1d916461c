"""Prediction ids."""

import re
from itertools import islice

import pytest

from framework.record.ids import model_of, prediction_ids


def test_ids_are_counted_beyond_their_last_digits() -> None:
    next_id = prediction_ids("wine_2")

    ids = list(islice(iter(next_id, None), 3 * 16**3))

    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)
    assert all(re.fullmatch("wine_2-[0-9a-f]{24}", one) for one in ids)
    assert [int(one[-10:], 16) for one in ids] == list(range(len(ids)))


def test_no_two_counts_begin_alike() -> None:
    firsts = {prediction_ids("wine")() for _ in range(100)}

    assert len(firsts) == 100


@pytest.mark.parametrize(
    ("text", "model"),
    [
        (f"wine-{'0' * 24}", "wine"),
        (f"wine-{'0' * 23}", None),
        (f"wine-{'0' * 25}", None),
        (f"Wine-{'0' * 24}", None),
        (f"../wine-{'0' * 24}", None),
        (f"wine-{'0' * 24}\n", None),
        ("", None),
    ],
)
def test_an_id_tells_its_model(text: str, model: str | None) -> None:
    assert model_of(text) == model
