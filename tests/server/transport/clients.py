"""Clients that ask again and again, and what became of every request."""

import contextlib
import http.client
import threading
from collections import Counter
from typing import Self
from urllib.parse import urlsplit

from tests.server.transport.wire import ROWS

COUNT = 8


class Clients:
    """Clients with a connection each, which they keep as long as the server does.

    Args:
        url: What to ask.

    Attributes:
        outcomes: How often what happened: a status, or the exception's name.
    """

    def __init__(self, url: str) -> None:
        self.outcomes: Counter[int | str] = Counter()
        self._address = urlsplit(url)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(COUNT)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    @property
    def refused(self) -> int:
        """How many clients have found that nobody listens, and have given up."""
        return self.outcomes["ConnectionRefusedError"]

    def _ask(self) -> None:
        assert self._address.hostname
        connection = http.client.HTTPConnection(
            self._address.hostname, self._address.port, timeout=20
        )
        with contextlib.closing(connection):
            is_refused = False
            # Not so fast that the server has no time for anything else.
            while not (is_refused or self._ended.wait(0.01)):
                is_refused = self._finds_nobody(connection)

    def _finds_nobody(self, connection: http.client.HTTPConnection) -> bool:
        """Asks once; returns whether nobody listens."""
        try:
            connection.request("POST", "/double", ROWS, {"content-type": "application/json"})
            response = connection.getresponse()
            response.read()
            self.outcomes[response.status] += 1
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.outcomes[type(error).__name__] += 1
            return isinstance(error, ConnectionRefusedError)
        return False
