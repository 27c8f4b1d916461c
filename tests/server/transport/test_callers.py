"""Callers with keys of their own, and one without any, over the connection that they share."""

import contextlib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import psutil
import pytest

from tests.processes import Server
from tests.server.security.conftest import Keys
from tests.server.transport.conftest import TOY
from tests.server.transport.misread import CASES, Case, tell
from tests.server.transport.proxies import proxy
from tests.server.transport.wire import Answer, Wire, head

PIPELINED, ROUNDS = 20, 5
DOUBLE, NEGATE = "double", "negate"


@dataclass(frozen=True)
class Caller:
    """Somebody who asks, and what he may ask.

    Attributes:
        name: Begins the ids of his requests.
        first: The first number that he asks about; nobody else asks about the next thousand.
        fields: The header with his key; nothing if he has none.
        allowed: APIs that his key allows.
    """

    name: str
    first: int
    fields: bytes = b""
    allowed: Sequence[str] = ()

    def request(self, number: int) -> bytes:
        """His request of a number: of every other API in turn."""
        api, value = self._asks(number), self.first + number
        asked = {"rows": [{"value": value}]} if api == DOUBLE else {"numbers": [value]}
        body = json.dumps(asked).encode()
        return head(len(body), f"{self.name}-{number}", self.fields, f"/{api}") + body

    def require_own(self, answer: Answer | None, number: int) -> None:
        """Checks that an answer is that to his request of a number."""
        api, value = self._asks(number), self.first + number
        assert answer is not None
        assert answer.request_id == f"{self.name}-{number}"
        if api not in self.allowed:
            assert answer.status == (403 if self.fields else 401)
            return
        expected = [{"value": 2 * value, "name": ""}] if api == DOUBLE else [-value]
        assert (answer.status, answer.json()) == (200, expected)

    def _asks(self, number: int) -> str:
        return (DOUBLE, NEGATE)[number % 2]


def caller(keys: Keys, name: str, first: int, *allowed: str) -> Caller:
    """Makes a caller with a key."""
    key = keys.make(*(f"{api}:call" for api in allowed))
    return Caller(name, first, b"x-api-key: %s\r\n" % key.encode(), allowed)


@dataclass(frozen=True)
class Shared:
    """A locked server, and how it is asked.

    Attributes:
        url: Where: at the server itself, or at a proxy that keeps one connection to it.
        server: The server's own port.
        before: Processes of the proxy.
        callers: One who may ask everything, one who may ask one API, and one without a key.
    """

    url: str
    server: int
    before: Sequence[psutil.Process]
    callers: Sequence[Caller]

    def connections(self) -> set[int]:
        """The proxy's own ports of its connections to the server."""
        found = [one for process in self.before for one in process.net_connections("tcp4")]
        return {one.laddr.port for one in found if one.raddr[1:] == (self.server,)}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, list[Caller]]]:
    """The toy with a short time-out, and its callers."""
    keys = Keys(tmp_path_factory.mktemp("locked") / "keys.json")
    callers = [
        caller(keys, "all", 1_000, DOUBLE, NEGATE),
        caller(keys, "half", 2_000, NEGATE),
        Caller("nobody", 3_000),
    ]
    environment = {
        "MODEL_SERVER_KEYS": str(keys.path),
        "MODEL_SERVER_TIMEOUT_SECONDS": "1.5",
        # The one without a key fails more often than anybody.
        "MODEL_SERVER_FAILED_ATTEMPTS": "0",
    }
    with Server.start(TOY, environment=environment) as running:
        yield running, callers


@pytest.fixture(scope="module", params=["direct", "haproxy", "nginx"])
def shared(
    request: pytest.FixtureRequest,
    locked: tuple[Server, list[Caller]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shared]:
    """The ways to ask it."""
    server, callers = locked
    port = int(server.url.rpartition(":")[2])
    if request.param == "direct":
        yield Shared(server.url, port, [], callers)
        return
    folder = tmp_path_factory.mktemp(request.param)
    with proxy(request.param, server.url, folder, connections=1) as (url, before):
        yield Shared(url, port, before.family(), callers)


def test_everybody_gets_the_answers_to_his_own_requests(shared: Shared) -> None:
    def pipeline(caller: Caller) -> None:
        numbers = range(PIPELINED)
        with Wire(shared.url) as wire:
            wire.send(b"".join(map(caller.request, numbers)))
            for number in numbers:
                caller.require_own(wire.answer(), number)

    with ThreadPoolExecutor(len(shared.callers)) as pool:
        for _ in range(ROUNDS):
            list(pool.map(pipeline, shared.callers))

    # In turn, so that the proxy needs no other connection than the one that it keeps. nginx opens
    # another one if the next request comes before it has put that by.
    used = set()
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(shared.url)) for _ in shared.callers]
        for number in range(PIPELINED):
            for wire, caller in zip(wires, shared.callers, strict=True):
                caller.require_own(wire.send(caller.request(number)).answer(), number)
            used |= shared.connections()
    assert len(used) < PIPELINED / 2
    assert bool(used) is bool(shared.before)


def with_key(case: Case, fields: bytes) -> Case:
    """The case with a key in the head that it begins with, and in no other."""
    first, *others = case.packets
    keyed = re.sub(rb"\A([^\r\n]+)(\r\n|\r|\n)", rb"\1\2" + fields, first)
    return replace(case, packets=(keyed, *others))


def test_nobody_asks_by_the_key_of_somebody_else(shared: Shared) -> None:
    entitled, _, nobody = shared.callers
    cases = [with_key(case, who.fields) for who in (nobody, entitled) for case in CASES.values()]

    with ThreadPoolExecutor(len(cases)) as pool:
        attacks = [pool.submit(tell, shared.url, case) for case in cases]
        for number in itertools.count():
            if number > PIPELINED and all(attack.done() for attack in attacks):
                break
            with Wire(shared.url) as wire:
                entitled.require_own(wire.send(entitled.request(number)).answer(), number)

    answers = [attack.result() for attack in attacks]
    without, keyed = answers[: len(CASES)], answers[len(CASES) :]
    assert [one for told in without for one in told if one.status < 400] == []
    # The key is for the request that it came with, not for what else is in the connection.
    assert {one.request_id for told in keyed for one in told if one.status < 400} == {"one"}
