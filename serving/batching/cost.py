"""What a batch costs, learnt from the batches that ran."""

_WEIGHT_OF_NEWEST = 0.2
_ENOUGH = 8
_MOST_INCREASE = 10.0
# A batch in a thread also waits for Python's lock, the more the busier the loop is: a longer time
# says little about the batch itself, a shorter one is nearer to the truth.
_WEIGHT_OF_SLOWED = 0.02
_WEIGHT_OF_UNDISTURBED = 1.0


class CostModel:
    """Estimates the seconds that a batch takes, from its number of rows.

    Fixed costs weigh on the first rows of a batch more than on the later ones, so the seconds per
    row are kept for each power of two of the batch size, as exponential averages: of the time that
    passed, and of the time that the batch alone would have taken.
    """

    def __init__(self) -> None:
        self._batches = 0
        self._passed: dict[int, float] = {}
        self._alone: dict[int, float] = {}

    def observe(self, rows: int, seconds: float, *, contended: bool) -> None:
        """Learns from a batch.

        Args:
            rows: Rows in the batch.
            seconds: Time that passed.
            contended: Whether it ran beside other work of this process, in a thread.
        """
        self._batches += 1
        size, cost = rows.bit_length(), seconds / rows
        # A machine that was suspended for a moment must not look busy for long.
        most = _MOST_INCREASE * self._passed.get(size, cost)
        _move(self._passed, size, min(cost, most), _WEIGHT_OF_NEWEST)
        weight = _WEIGHT_OF_NEWEST
        if contended:
            slowed = cost > self._alone.get(size, cost)
            weight = _WEIGHT_OF_SLOWED if slowed else _WEIGHT_OF_UNDISTURBED
        _move(self._alone, size, cost, weight)

    def expected(self, rows: int) -> float | None:
        """Returns the seconds until a batch of `rows` will have ended.

        None while too few have been seen: the first ones run cold, and nobody should be refused
        for them.
        """
        return _estimate(self._passed, rows) if self._batches >= _ENOUGH else None

    def alone(self, rows: int) -> float | None:
        """Returns the seconds that a batch of `rows` takes undisturbed; None before the first."""
        return _estimate(self._alone, rows)


def _move(costs: dict[int, float], size: int, cost: float, weight: float) -> None:
    known = costs.get(size, cost)
    costs[size] = known + weight * (cost - known)


def _estimate(costs: dict[int, float], rows: int) -> float | None:
    """Estimates by the nearest size known; of those never seen, a smaller one is an upper bound."""
    size = rows.bit_length()
    if size not in costs:
        if not costs:
            return None
        size = max((seen for seen in costs if seen < size), default=min(costs))
    return costs[size] * rows
