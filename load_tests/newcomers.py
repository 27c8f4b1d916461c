"""Clients that open a connection for every request, at a rate that no one slows down.

What a deployment meets when a proxy without keep-alive, or a storm of clients, is in front of it.
Requests of mixed sizes come at a fixed rate, whether or not the earlier ones are answered, while
a second process asks for the probes, each time over a connection of its own as well.
"""

import argparse
import contextlib
import errno
import http.client
import multiprocessing
import random
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from load_tests import data, open_loop
from load_tests.reference import Reference
from load_tests.results import quantiles
from load_tests.roles import PRIMARY
from load_tests.running import HOST, Workload, folder, started
from load_tests.systems import OWN

PROBES = ("/livez", "/readyz", "/metrics")
PROBE_SECONDS = 0.1
"""Time between two rounds of probes."""

PATIENCE_SECONDS = 30.0
"""How long an answer, or a probe's, is waited for."""

MIX = "1:70,100:20,1000:9,10000:1"
_TICK_SECONDS = 0.001
_SENT_AT_ONCE = 65_536
_BODIES = 8
_UNDER_WAY = (errno.EINPROGRESS, errno.EAGAIN)


@dataclass
class Seen:
    """What became of the requests of one size, and how long it took."""

    outcomes: Counter[str] = field(default_factory=Counter)
    good: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def add(self, outcome: str, seconds: float) -> None:
        """Counts one."""
        self.outcomes[outcome] += 1
        if outcome == "200":
            self.good.append(seconds)
        elif outcome == "503":
            self.refused.append(seconds)


class _Newcomer:
    """One connection, which sends one request and takes one answer."""

    def __init__(self, address: tuple[str, int], size: int, request: bytes, now: float) -> None:
        self.size, self.due = size, now
        self.answer = b""
        self._left = memoryview(request)
        self.socket = socket.socket()
        self.socket.setblocking(False)
        failed = self.socket.connect_ex(address)
        if failed and failed not in _UNDER_WAY:
            raise OSError(failed, "not connected")

    def go_on(self, events: int) -> str | None:
        """Sends and receives what goes; returns the outcome once it is known."""
        if events & select.EPOLLOUT and self._left:
            # A refused request is not sent to its end: the answer has come already.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._left = self._left[self.socket.send(self._left[:_SENT_AT_ONCE]) :]
        if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            received = self.socket.recv(_SENT_AT_ONCE)
            self.answer += received
            head, found, body = self.answer.partition(b"\r\n\r\n")
            if found and len(body) >= _length(head):
                return head[9:12].decode()
            if not received:
                return "closed"
        return None

    @property
    def wants(self) -> int:
        """What to wait for."""
        return select.EPOLLIN | (select.EPOLLOUT if self._left else 0)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def offer(
    address: tuple[str, int], requests: dict[int, list[bytes]], order: Sequence[int], rate: float
) -> dict[int, Seen]:
    """Opens a connection for each request of an order, at a rate; returns rows → what was seen.

    Args:
        address: Of the server.
        requests: Rows in a request → such requests, sent in turn.
        order: Rows in each request.
        rate: Connections a second.
    """
    poll = select.epoll()
    seen = {size: Seen() for size in requests}
    there: dict[int, _Newcomer] = {}
    start, sent = time.perf_counter(), 0

    def end(one: _Newcomer, outcome: str) -> None:
        seen[one.size].add(outcome, time.perf_counter() - one.due)
        poll.unregister(one.socket)
        del there[one.socket.fileno()]
        one.socket.close()

    while sent < len(order) or there:
        now = time.perf_counter()
        for number in range(sent, min(len(order), int((now - start) * rate) + 1)):
            size = order[number]
            request = requests[size][number % len(requests[size])]
            with _counted(seen[size]):
                one = _Newcomer(address, size, request, start + number / rate)
                there[one.socket.fileno()] = one
                poll.register(one.socket, one.wants)
            sent = number + 1
        for descriptor, events in poll.poll(_TICK_SECONDS):
            one = there[descriptor]
            try:
                outcome = one.go_on(events)
            except OSError as error:
                outcome = errno.errorcode.get(error.errno or 0, "lost")
            if outcome:
                end(one, outcome)
            elif events & select.EPOLLOUT:
                poll.modify(one.socket, one.wants)
        if sent == len(order) and now - start > sent / rate + PATIENCE_SECONDS:
            for one in list(there.values()):
                end(one, "hung")
    return seen


@contextlib.contextmanager
def _counted(seen: Seen) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        seen.add(errno.errorcode.get(error.errno or 0, "lost"), 0.0)


def probe(port: int, seconds: float) -> dict[str, Seen]:
    """Asks for every probe in turn for so many seconds; returns path → what was seen."""
    seen = {path: Seen() for path in PROBES}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for path in PROBES:
            began = time.perf_counter()
            connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                response.read()
                outcome = str(response.status)
            except (OSError, http.client.HTTPException) as error:
                outcome = type(error).__name__
            finally:
                connection.close()
            seen[path].add(outcome, time.perf_counter() - began)
        time.sleep(PROBE_SECONDS)
    return seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit code is 1 if a request, or a probe, was not answered."""
    options = _parser().parse_args(arguments)
    rows = data.read_all(options.data)
    sizes: dict[int, int] = options.rows
    draw = random.Random(data.SEED)  # noqa: S311 - an order, not a secret
    count = int(options.rate * options.seconds)
    order = draw.choices(list(sizes), list(sizes.values()), k=count)
    with (
        folder() as place,
        started([OWN["server"]], 1, Workload(rows, Reference(rows), place)) as running,
        ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        server = running["server"]
        dialect = OWN["server"].dialects[PRIMARY.name]
        url = f"http://{HOST}:{server.port}{dialect.path}"
        requests = {}
        for size in sizes:
            blocks = data.blocks(rows[PRIMARY.name].rows, size, _BODIES)
            requests[size] = open_loop.render(url, [dialect.encode(one).encode() for one in blocks])
        offering: Future[dict[int, Seen]] = pool.submit(
            offer, (HOST, server.port), requests, order, options.rate
        )
        probes: Future[dict[str, Seen]] = pool.submit(probe, server.port, options.seconds)
        asked, probed = offering.result(), probes.result()
        server.process.require_running()
    shown = {f"{size:,} rows": seen for size, seen in asked.items()} | probed
    Console().print(table(shown, options.rate))
    return 0 if all(_answered(seen) for seen in shown.values()) else 1


def _mix(text: str) -> dict[int, int]:
    """Reads `ROWS:SHARE,…`; returns rows in a request → share."""
    try:
        mix = {int(rows): int(share) for rows, share in (one.split(":") for one in text.split(","))}
    except ValueError:
        mix = {}
    if not mix or min(*mix, *mix.values()) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} should be like {MIX}")
    return mix


def _answered(seen: Seen) -> bool:
    return set(seen.outcomes) <= {"200", "503"}


def table(shown: dict[str, Seen], rate: float) -> Table:
    """Returns what was seen; times in seconds, of refusals that of the answer 503."""
    found = Table("", "outcomes", "200: p50, p99, max s", "503: p50, p99, max s")
    found.title = f"{rate:,.0f} new connections a second"
    for name, seen in shown.items():
        outcomes = ", ".join(f"{what}: {count:,}" for what, count in seen.outcomes.items())
        found.add_row(name, outcomes, _shown(seen.good), _shown(seen.refused))
    return found


def _shown(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    found = quantiles(seconds)
    return ", ".join(f"{found[name] / 1e3:.3f}" for name in ("p50", "p99", "max"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m load_tests.newcomers", description=__doc__)
    data.add_option(parser, "rows to send")
    parser.add_argument("--rate", type=float, default=1_800, metavar="N", help="connections/s")
    parser.add_argument("--seconds", type=float, default=10, metavar="N")
    parser.add_argument(
        "--rows", type=_mix, default=MIX, metavar="ROWS:SHARE,…", help=f"sizes ({MIX})"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
