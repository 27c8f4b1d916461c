"""Which of the rows that wait go into the next batch: an order that is fair to small and large."""

from collections import OrderedDict
from collections.abc import Callable
from itertools import takewhile

from serving.batching.ticket import Slice, Ticket


class Queue:
    """Requests of which rows wait for a batch.

    While all of them fit into one batch, all go. If they do not, batches take turns. Most take the
    smallest requests, so that these wait for one batch of a large one at most, however many rows
    it has. At least every third has rows of the oldest request in it, so that none waits for ever:
    each has its answers after three times the batches, at most, that first come, first served
    would take. Large requests are split; what goes into a batch beside the first one is whole.

    Attributes:
        rows: Rows that wait.
        weight: Their weight; see `weight_of`.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.weight = 0
        # By arrival. New ones stay unsorted at its end: most leave again before it matters.
        self._waiting: OrderedDict[Ticket, None] = OrderedDict()
        # By size, the power of two below the weight that is left: in order, and their weight.
        self._sizes: dict[int, OrderedDict[Ticket, None]] = {}
        self._weights: dict[int, int] = {}
        self._since_oldest = 0

    @property
    def oldest(self) -> Ticket | None:
        """The request that has waited longest, of those that are still waited for."""
        return next((ticket for ticket in self._waiting if not ticket.future.done()), None)

    def arrived_until(self, moment: float) -> list[Ticket]:
        """Returns the requests that arrived at a moment or before."""
        return list(takewhile(lambda ticket: ticket.arrived <= moment, self._waiting))

    def add(self, ticket: Ticket) -> None:
        """Has a request wait."""
        self._waiting[ticket] = None
        self.rows += ticket.count
        self.weight += ticket.weight

    def discard(self, ticket: Ticket) -> None:
        """Takes out a request that is not to be computed any further, if it is in here."""
        if ticket not in self._waiting:
            return
        del self._waiting[ticket]
        self.rows -= ticket.count - ticket.taken
        self.weight -= ticket.left
        if ticket.size:
            self._leave_size(ticket)

    def ahead(self, weight: int, batch_weight: int) -> int:
        """Estimates what is computed between the arrival of a new request and its answers.

        Args:
            weight: Weight of the request.
            batch_weight: Weight of a batch.

        Returns:
            Weight of the requests not larger than it, and of the turns that older ones have in
            between; its own rows not counted.
        """
        self._sort()
        size = weight.bit_length()
        smaller = sum(self._weights[other] for other in self._weights if other <= size)
        return smaller + min(self.weight - smaller, smaller + weight + batch_weight)

    def take_all(self) -> list[Slice]:
        """Takes everything, in order of arrival."""
        batch = [(one, one.taken, one.count, one.left) for one in self._waiting]
        self._waiting.clear()
        if self._sizes:
            self._sizes.clear()
            self._weights.clear()
        self.rows = self.weight = self._since_oldest = 0
        return batch

    def take(self, rows: int, weight: int) -> list[Slice]:
        """Takes a batch of at most so many rows and of at most this weight, or of one row."""
        if self.rows <= rows and self.weight <= weight:
            return self.take_all()
        self._sort()
        oldest = self._first()
        # One that fits may go before the oldest although another, which did not, has just done so.
        most = 2 if self._smallest().fits(rows, weight) else 1
        smallest_first = self._since_oldest < most
        batch = self._fill(self._smallest if smallest_first else self._first, rows, weight)
        has_oldest = any(ticket is oldest for ticket, *_ in batch)
        self._since_oldest = 0 if has_oldest else self._since_oldest + 1
        return batch

    def _fill(self, pick: Callable[[], Ticket], rows: int, weight: int) -> list[Slice]:
        batch: list[Slice] = []
        while self._waiting and ((ticket := pick()).fits(rows, weight) or not batch):
            part = self._cut(ticket, rows, weight)
            _, start, stop, own = part
            batch.append(part)
            rows -= stop - start
            weight -= own
        return batch

    def _cut(self, ticket: Ticket, rows: int, weight: int) -> Slice:
        part = ticket.cut(rows, weight)
        _, start, stop, own = part
        self.rows -= stop - start
        self.weight -= own
        self._weights[ticket.size] -= own
        if ticket.left.bit_length() < ticket.size:
            self._leave_size(ticket)
            if ticket.left:
                self._enter_size(ticket)
            else:
                del self._waiting[ticket]
        return part

    def _first(self) -> Ticket:
        return next(iter(self._waiting))

    def _smallest(self) -> Ticket:
        return next(iter(self._sizes[min(self._sizes)]))

    def _sort(self) -> None:
        """Puts new requests where their size belongs; they will wait, and watch their callers."""
        new = list(takewhile(lambda ticket: not ticket.size, reversed(self._waiting)))
        for ticket in reversed(new):
            self._enter_size(ticket)
            ticket.watch()

    def _enter_size(self, ticket: Ticket) -> None:
        size = ticket.size = ticket.left.bit_length()
        self._sizes.setdefault(size, OrderedDict())[ticket] = None
        self._weights[size] = self._weights.get(size, 0) + ticket.left

    def _leave_size(self, ticket: Ticket) -> None:
        size = ticket.size
        del self._sizes[size][ticket]
        self._weights[size] -= ticket.left
        if not self._sizes[size]:
            del self._sizes[size], self._weights[size]
