"""What a batch costs, learnt from the batches that ran."""

import math

_SHARE_OF_NEWEST = 0.2
_ENOUGH = 8
_MOST_INCREASE = 10.0
# A batch in a thread also waits for Python's lock, the more the busier the loop is: a longer time
# says little about the batch itself, a shorter one is nearer to the truth.
_SHARE_OF_SLOWED = 0.02
_SHARE_OF_UNDISTURBED = 1.0
# Rows must be so much cheaper in batches of twice the weight to make these worth the wait.
_CHEAPER = 0.85
# Weight of a batch as long as nothing is known.
_FIRST = 64
_LEAST, _UNBOUNDED = 1e-9, 1e12


class CostModel:
    """Estimates the seconds that a batch takes, from its weight (see `weight_of`).

    Fixed costs weigh on the first rows of a batch more than on the later ones, so the seconds per
    row are kept for each power of two of the batch size, as exponential averages: of the time that
    passed, and of the time that the batch alone would have taken.
    """

    def __init__(self) -> None:
        self._batches = 0
        self._passed: dict[int, float] = {}
        self._alone: dict[int, float] = {}

    def copy(self) -> "CostModel":
        """Returns one that knows the same, and learns by itself from then on."""
        other = CostModel()
        other._batches = self._batches
        other._passed, other._alone = dict(self._passed), dict(self._alone)
        return other

    def observe(self, batch_weight: int, seconds: float, *, contended: bool) -> None:
        """Learns from a batch.

        Args:
            batch_weight: Weight of the batch.
            seconds: Time that passed.
            contended: Whether it ran beside other work of this process, in a thread.
        """
        self._batches += 1
        size, cost = batch_weight.bit_length(), seconds / batch_weight
        # A machine that was suspended for a moment must not look busy for long.
        most = _MOST_INCREASE * self._passed.get(size, cost)
        _move(self._passed, size, min(cost, most), _SHARE_OF_NEWEST)
        share = _SHARE_OF_NEWEST
        if contended:
            slowed = cost > self._alone.get(size, cost)
            share = _SHARE_OF_SLOWED if slowed else _SHARE_OF_UNDISTURBED
        _move(self._alone, size, cost, share)

    def expected(self, weight: int) -> float | None:
        """Returns the seconds until a batch of a weight will have ended.

        None while too few have been seen: the first ones run cold, and nobody should be refused
        for them.
        """
        return _estimate(self._passed, weight) if self._batches >= _ENOUGH else None

    def most(self, seconds: float) -> int:
        """Returns the weight up to which batches should grow.

        That is what takes so many seconds, and more where rows are much cheaper in larger batches,
        because a batch costs something by itself. Sizes that were never seen are tried step by
        step.
        """
        most, smallest, below, pays = _FIRST, 0, math.inf, False
        if self._batches < _ENOUGH:
            return _FIRST
        for size, measured in sorted(self._alone.items()):
            # Rows are not dearer in larger batches; where they seem so, the batch ran cold.
            cost, smallest = max(min(below, measured), _LEAST), 1 << (size - 1)
            pays = cost <= _CHEAPER * below
            in_time = int(min(seconds / cost, _UNBOUNDED))
            if in_time >= smallest:
                most = in_time
            elif below == math.inf:
                most = max(in_time, 1)
                if smallest > 1:
                    return most
            elif pays:
                most = 2 * smallest - 1
            else:
                return most
            below = cost
        return max(most, 4 * smallest - 1) if pays else most

    def alone(self, weight: int) -> float | None:
        """Returns the seconds that a batch of a weight takes undisturbed.

        None before one at least half as large was seen: it might hold the loop up for long.
        """
        size = weight.bit_length()
        cost = self._alone.get(size)
        if cost is not None:
            return cost * weight
        if size > max(self._alone, default=0) + 1:
            return None
        return _estimate(self._alone, weight)

    def in_batches(self, weight: int) -> float:
        """Returns the seconds that rows of a weight take undisturbed in all, batch after batch.

        They go in batches of sizes that were seen, so that no weight is too large to tell.
        Infinity before there was any batch.
        """
        found = _estimate(self._alone, weight)
        return math.inf if found is None else found


def _move(costs: dict[int, float], size: int, cost: float, share: float) -> None:
    known = costs.get(size, cost)
    costs[size] = known + share * (cost - known)


def _estimate(costs: dict[int, float], weight: int) -> float | None:
    """Estimates by the nearest size known; of those never seen, a smaller one is an upper bound."""
    size = weight.bit_length()
    if size not in costs:
        if not costs:
            return None
        size = max((seen for seen in costs if seen < size), default=min(costs))
    return costs[size] * weight
