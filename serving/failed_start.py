"""What a worker does that cannot start: it says why, and clients are refused instead of waiting."""

import asyncio
import logging
import signal
import sys
import time

from bentoml import server_context
from bentoml.exceptions import BentoMLException
from bentoml.serving import running_inside_container

from framework.adapters.bentoml_server import leave_refusals_untold
from serving.http.asgi import Message, Send
from serving.siblings import Siblings

logger = logging.getLogger("bentoml.serving")

AGAIN_SECONDS = 30.0
"""Time after which a worker that cannot start ends, so that BentoML replaces it by another try."""

_LOOK_SECONDS = 0.5


class FailedStart:
    """The end of a worker that could not start.

    BentoML replaces a worker that ends, again and again, and meanwhile nobody may be there to
    accept connections: clients wait in the queue of the socket that all workers share. So such a
    worker waits before it ends, and if no other serves, it starts after all, in order to refuse.

    Args:
        siblings: The workers of the service.

    Attributes:
        refusing: Whether every request is to be refused.
        told: Whether the log says why.
        stopped: Whether the worker is told to stop, so that there is nothing to wait for.
    """

    def __init__(self, siblings: Siblings) -> None:
        self._siblings = siblings
        leave_refusals_untold()
        self.refusing = self.told = self.stopped = False

    async def end(self, message: Message, send: Send) -> None:
        """Takes the application's message that it could not start, and answers the web server.

        To be called while the exception behind it is being handled.
        """
        if server_context.worker_index is None:
            await send(message)
            return
        self._tell(message)
        # In a container nobody replaces it, and the container should end with its last worker.
        if not running_inside_container():
            await self._wait(send)
        if not self.refusing:
            await send({"type": "lifespan.startup.failed", "message": ""})
        elif not self.stopped:
            signal.raise_signal(signal.SIGTERM)

    async def _wait(self, send: Send) -> None:
        end = time.monotonic() + AGAIN_SECONDS
        while time.monotonic() < end and not self.stopped:
            if not self.refusing and not self._siblings.serving():
                self.refusing = True
                await send({"type": "lifespan.startup.complete"})
            await asyncio.sleep(_LOOK_SECONDS)

    def _tell(self, message: Message) -> None:
        error = sys.exc_info()[1]
        # A refusal is meant for people; anything else is a bug, and its place is wanted.
        why = error if isinstance(error, BentoMLException) else message.get("message", "")
        logger.error("This worker cannot start, and another will try again: %s", why)
        self.told = True
