"""Every difference that is meant is still there."""

import pytest

from tests.server.differential.meant import MEANT, Difference
from tests.server.differential.pair import Pair


@pytest.mark.parametrize("meant", MEANT, ids=lambda meant: meant.reason.split(":")[0])
def test_a_meant_difference_is_still_there(pair: Pair, meant: Difference) -> None:
    exchange = pair.send(meant.example)

    assert not exchange.is_same
    assert [difference for difference in MEANT if difference.covers(exchange)] == [meant]
