"""Batches that failed, halved until every culprit is alone."""

from collections import deque
from collections.abc import Iterator

from serving.batching.ticket import Slice, Ticket


class Suspects:
    """Parts of failed batches that are to be computed again, the oldest first.

    One culprit among `n` requests is found with `2 * log2(n)` further calls of the model.
    """

    def __init__(self) -> None:
        self._groups: deque[list[Slice]] = deque()

    def __bool__(self) -> bool:
        return bool(self._groups)

    @property
    def weight(self) -> int:
        """Weight that is to be computed, if every second half fails again."""
        return 2 * sum(part[3] for group in self._groups for part in group)

    @property
    def tickets(self) -> Iterator[Ticket]:
        """The requests."""
        return (part[0] for group in self._groups for part in group)

    def add(self, batch: list[Slice]) -> None:
        """Takes a batch of several requests that has failed."""
        middle = len(batch) // 2
        self._groups += batch[:middle], batch[middle:]

    def take(self) -> list[Slice]:
        """Takes the next part, less the requests that are no longer waited for."""
        return [part for part in self._groups.popleft() if not part[0].future.done()]
