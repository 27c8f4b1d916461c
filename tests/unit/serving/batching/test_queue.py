"""The order of batches: fair to small and large requests, and right in its accounts."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from serving.batching.queue import Queue
from serving.batching.ticket import Slice, Ticket
from serving.batching.weight import CHARACTERS

ROWS, WEIGHT = 10, 16
NUMBERS = st.integers(1, 60).map(range)
TEXTS = st.lists(
    st.integers(0, 2 * WEIGHT).map(lambda more: "x" * more * CHARACTERS), min_size=1, max_size=30
)


class Play:
    """A queue, what went into it, and what came out."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.queue = Queue()
        self.waiting: list[Ticket] = []
        self._loop = loop
        self._clock = 0

    def add(self, rows: Sequence[object]) -> Ticket:
        """Has a request wait."""
        self._clock += 1
        ticket = Ticket(rows, self._loop.create_future(), self._clock)
        self.queue.add(ticket)
        self.waiting.append(ticket)
        return ticket

    def discard(self, ticket: Ticket) -> None:
        """Takes a request out."""
        self.queue.discard(ticket)
        self.waiting.remove(ticket)

    def take(self) -> list[Slice]:
        """Takes a batch and checks it, and the accounts."""
        before = {ticket: ticket.taken for ticket in self.waiting}
        batch = self.queue.take(ROWS, WEIGHT)
        assert batch or not before
        assert len({id(ticket) for ticket, *_ in batch}) == len(batch)
        rows = sum(stop - start for _, start, stop, _ in batch)
        assert rows <= ROWS
        assert rows == 1 or sum(weight for *_, weight in batch) <= WEIGHT
        for ticket, start, stop, weight in batch:
            assert start == before[ticket]
            assert weight == Ticket(ticket.rows[start:stop], ticket.future, 0).weight
            if stop == len(ticket.rows):
                self.waiting.remove(ticket)
        self.check()
        return batch

    def check(self) -> None:
        """What the queue says of itself is what waits in it."""
        left = [ticket.rows[ticket.taken :] for ticket in self.waiting]
        assert self.queue.rows == sum(map(len, left))
        weights = [Ticket(rows, self._loop.create_future(), 0).weight for rows in left]
        assert self.queue.weight == sum(weights)
        assert self.queue.oldest is next(iter(self.waiting), None)


@contextlib.contextmanager
def play() -> Iterator[Play]:
    """A queue to play with."""
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        yield Play(loop)


def test_everything_goes_at_once_in_order_of_arrival_where_it_fits() -> None:
    with play() as p:
        first, second, third = (p.add(range(size)) for size in (3, 1, 4))
        assert p.take() == [(first, 0, 3, 3), (second, 0, 1, 1), (third, 0, 4, 4)]


def test_a_small_request_waits_for_no_more_than_a_slice_of_a_large_one() -> None:
    with play() as p:
        large = p.add(range(1_000))
        for number in range(5):
            assert p.take() == [(large, number * ROWS, (number + 1) * ROWS, ROWS)]
            small = p.add([number])
            assert p.take() == [(small, 0, 1, 1)]


def test_a_stream_of_small_requests_does_not_keep_a_large_one_waiting() -> None:
    with play() as p:
        large = p.add(range(100))
        for _ in range(3 * 100 // ROWS):
            for _ in range(3 * ROWS):
                p.add([0])
            p.take()
        assert large.taken == 100


def test_a_stream_of_large_requests_does_not_keep_a_larger_one_waiting() -> None:
    with play() as p:
        large = p.add(range(100))
        for _ in range(3 * 100 // ROWS):
            p.add(range(2 * ROWS))
            p.take()
        assert large.taken == 100


def test_among_large_ones_the_smaller_takes_turns_with_the_oldest() -> None:
    with play() as p:
        large, medium = p.add(range(1_000)), p.add(range(3 * ROWS))
        taken = [p.take()[0][0] for _ in range(6)]
        assert [ticket is medium for ticket in taken] == [True, False, True, True, False, False]
        assert large in p.waiting


def test_long_texts_are_large() -> None:
    with play() as p:
        long = p.add(["x" * 40 * CHARACTERS, "x" * 3 * CHARACTERS, "", "", ""])
        short = p.add(["x"] * 8)
        assert p.take() == [(short, 0, 8, 8)]
        assert p.take() == [(long, 0, 1, 41)]
        assert p.take() == [(long, 1, 5, 7)]


@given(st.lists(st.one_of(NUMBERS, TEXTS, st.none(), st.none(), st.integers(0, 9)), max_size=80))
def test_whatever_comes_and_goes_the_oldest_is_in_every_third_batch(
    moves: list[Sequence[object] | int | None],
) -> None:
    with play() as p:
        passed: dict[Ticket, int] = {}
        for move in moves:
            if isinstance(move, int):
                if p.waiting:
                    p.discard(p.waiting[move % len(p.waiting)])
                    p.check()
            elif move is not None:
                p.add(move)
                p.check()
            elif oldest := p.queue.oldest:
                in_batch = any(ticket is oldest for ticket, *_ in p.take())
                passed[oldest] = 0 if in_batch else passed.get(oldest, 0) + 1
                assert passed[oldest] <= 2


@given(st.lists(NUMBERS, max_size=12), st.integers(0, 12), NUMBERS)
def test_what_is_estimated_to_go_ahead_of_a_request_is_what_does(
    earlier: list[Sequence[object]], taken: int, rows: Sequence[object]
) -> None:
    with play() as p:
        for one in earlier:
            p.add(one)
        for _ in range(min(taken, len(earlier))):
            if p.queue.rows:
                p.take()
        everything = p.queue.weight
        estimate = p.queue.ahead(len(rows), ROWS)
        request, done = p.add(rows), 0
        while request in p.waiting:
            done += sum(weight for *_, weight in p.take())
        assert estimate <= everything
        # Batches that are not full may change whose turn comes when.
        assert done <= estimate + len(rows) + 2 * ROWS
