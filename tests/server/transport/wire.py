"""HTTP/1.1 by hand: bytes to a socket, and answers read off it."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

DEADLINE_SECONDS = 20
ROWS = b'{"rows":[{"value":2}]}'
OFFER = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQ\r\n"


def head(
    length: int, own_id: str, fields: bytes = b"", path: str = "/double", method: str = "POST"
) -> bytes:
    """A request's head."""
    return (
        b"%s %s HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n"
        b"x-request-id: %s\r\ncontent-length: %d\r\n%s\r\n"
        % (method.encode(), path.encode(), own_id.encode(), length, fields)
    )


@dataclass(frozen=True)
class Answer:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str:
        """Whose answer it is."""
        return self.headers.get("x-request-id", "")

    def json(self) -> Any:
        """The body's content."""
        return json.loads(self.body)


class Wire:
    """One connection.

    Args:
        url: Where to.
        receive_buffer: Bytes that this side's kernel takes before anybody reads them.
    """

    def __init__(self, url: str, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE_SECONDS)
        address = urlsplit(url)
        self.socket.connect((address.hostname, address.port))
        self.port: int = self.socket.getsockname()[1]
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *packets: bytes, pause_seconds: float = 0.05) -> Self:
        """Sends packets that do not melt into one."""
        for number, packet in enumerate(packets):
            if number:
                # What is tested is that they come apart; there is nothing to wait for.
                time.sleep(pause_seconds)
            self.socket.sendall(packet)
        return self

    def answer(self) -> Answer | None:
        """Reads one answer; None if the server has closed the connection instead."""
        while b"\r\n\r\n" not in self._read:
            if not self._more():
                return None
        lines, self._read = self._read.split(b"\r\n\r\n", 1)
        status, *fields = lines.decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (one.partition(":") for one in fields)
        }
        length = int(headers.get("content-length", "0"))
        while len(self._read) < length:
            if not self._more():
                return None
        body, self._read = self._read[:length], self._read[length:]
        return Answer(int(status.split()[1]), headers, body)

    def answers(self) -> Iterator[Answer]:
        """Reads what comes until the server closes the connection, or is silent for a moment."""
        with contextlib.suppress(TimeoutError):
            while (found := self.answer()) is not None:
                yield found
                self.socket.settimeout(0.5)

    def closed(self) -> bool:
        """Waits until the server closes the connection; whether it said nothing more before."""
        return not self._read and not self._more()

    def _more(self) -> bool:
        try:
            more = self.socket.recv(65_536)
        except ConnectionError:
            return False
        self._read += more
        return bool(more)
