"""What a batch costs, learnt from the batches that ran."""

_WEIGHT_OF_NEWEST = 0.2


class CostModel:
    """Estimates the seconds that a batch takes, from its number of rows.

    Fixed costs make the first rows of a batch dear and the later ones cheap, so the cost per row
    is kept for each power of two of the batch size, as an exponential average.
    """

    def __init__(self) -> None:
        self._seconds_per_row: dict[int, float] = {}

    def observe(self, rows: int, seconds: float) -> None:
        """Learns from a batch of `rows` that took `seconds`."""
        size, cost = rows.bit_length(), seconds / rows
        known = self._seconds_per_row.get(size, cost)
        self._seconds_per_row[size] = known + _WEIGHT_OF_NEWEST * (cost - known)

    def estimate(self, rows: int) -> float | None:
        """Returns the expected seconds for a batch of `rows`; None before the first batch.

        For a size that was never seen, the nearest smaller size tells an upper bound.
        """
        known = self._seconds_per_row
        size = rows.bit_length()
        if size not in known:
            if not known:
                return None
            size = max((seen for seen in known if seen < size), default=min(known))
        return known[size] * rows
