"""Who is let in: load is shed before it is queued."""

import math
import time

from serving.batching.cost import CostModel
from serving.batching.queue import Queue
from serving.batching.suspects import Suspects
from serving.batching.ticket import Limits, Ticket
from serving.counts import BatchMetrics
from serving.errors import Code, ServingError

# Requests are admitted up to this share of their budget: the wait is an estimate, and a request
# admitted at the edge would be refused after all, but late.
ADMITTED_SHARE = 0.8


class Admission:
    """Refuses requests for which there is no room, or no time.

    Args:
        limits: Bounds on queue and time.
        batch_seconds: What a batch should take.
        cost: Knows what batches take.
        queue: What waits.
        suspects: What is to be computed again.
        metrics: Told of every refusal.
    """

    def __init__(
        self,
        limits: Limits,
        batch_seconds: float,
        cost: CostModel,
        queue: Queue,
        suspects: Suspects,
        metrics: BatchMetrics,
    ) -> None:
        self._limits = limits
        self._batch_seconds = batch_seconds
        self._cost = cost
        self._queue = queue
        self._suspects = suspects
        self._metrics = metrics
        self.running_until = 0.0
        """When the batch that runs is expected to end."""

    def require_place(self, ticket: Ticket, *, waits: bool) -> None:
        """Lets a request in.

        Args:
            ticket: The request.
            waits: Whether something else is computed before it. If not, it goes out at once,
                however long the model may take.

        Raises:
            ServingError: `overloaded`.
        """
        limits, queued = self._limits, self._queue.rows
        if queued + ticket.count > limits.max_queue_rows:
            raise self.refusal("queue_full", ticket.weight)
        if waits or queued > limits.max_batch_rows:
            self._require_time(ticket.weight)

    def require_room(self) -> None:
        """Lets a large request, of unknown weight, be read: all that waits may be before it.

        Raises:
            ServingError: `overloaded`.
        """
        if self._queue.rows:
            self._require_time(self._queue.weight)

    def _require_time(self, weight: int) -> None:
        if self.expected_seconds(weight) > ADMITTED_SHARE * self._limits.max_latency:
            raise self.refusal("too_late", weight)

    def expected_seconds(self, weight: int) -> float:
        """Expected time that a new request of a weight would wait for others.

        Its own rows do not count: a large one is let in beside small ones as on an idle server,
        and what it costs is learnt.
        """
        waiting = max(0.0, self.running_until - time.monotonic())
        most = min(self._cost.most(self._batch_seconds), self._limits.max_batch_rows)
        ahead = self._queue.ahead(weight, most) + self._suspects.weight
        whole, rest = divmod(ahead, most)
        if whole:
            waiting += whole * (self._cost.expected(most) or 0.0)
        if rest:
            waiting += self._cost.expected(rest) or 0.0
        return waiting

    def refusal(self, reason: str, weight: int) -> ServingError:
        """Counts a refusal, and returns the error that says when to come back."""
        self._metrics.refused(reason)
        seconds = max(1, math.ceil(self.expected_seconds(weight)))
        return ServingError(Code.OVERLOADED, headers=[("retry-after", str(seconds))])
