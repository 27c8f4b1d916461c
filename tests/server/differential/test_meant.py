"""Every difference that is meant is still there."""

import re

import pytest

from deploy.processes import ROOT
from tests.server.differential.meant import MEANT, Difference
from tests.server.differential.pair import Pair

PAGE = ROOT / "docs" / "drop-in.md"
# Those that `test_kinds.py` shows.
OF_EVERY_SERVICE = ["envelope", "own-headers", "body-limit"]


@pytest.mark.parametrize("meant", MEANT, ids=lambda meant: meant.name)
def test_a_meant_difference_is_still_there(pair: Pair, meant: Difference) -> None:
    exchange = pair.send(meant.example)

    assert not exchange.is_same
    assert [difference for difference in MEANT if difference.covers(exchange)] == [meant]


def test_the_page_tells_every_difference_and_no_other() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(), re.MULTILINE)

    known = [difference.name for difference in MEANT]
    assert sorted(told) == sorted([*known, *OF_EVERY_SERVICE])
