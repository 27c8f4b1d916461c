"""Ports are taken before there are workers, and a refusal says what to do."""

import contextlib
import select
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from bentoml.exceptions import BentoMLConfigException

from serving.ports import Listener, address, bind

LOOPBACK = "127.0.0.1"


def listener(port: int, host: str = LOOPBACK, protocol: str = "HTTP") -> Listener:
    return Listener(protocol, host, port, f"move {protocol}")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server((LOOPBACK, 0)) as other:
        yield other.getsockname()[1]


@pytest.fixture
def free() -> int:
    """A port that nobody listens on."""
    with socket.create_server((LOOPBACK, 0)) as other:
        port: int = other.getsockname()[1]
        return port


@contextlib.contextmanager
def bound(*listeners: Listener) -> Iterator[list[socket.socket]]:
    """Takes ports, and lets go of them."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(one) for one in bind(listeners)]


def test_a_free_port_can_be_taken_again_and_again(free: int) -> None:
    for _ in range(2):
        with bound(listener(free), listener(0), listener(0, protocol="gRPC")) as sockets:
            assert sockets[0].getsockname() == (LOOPBACK, free)


def test_what_is_taken_listens_at_once(free: int) -> None:
    with bound(listener(free)), socket.create_connection((LOOPBACK, free)):
        pass


def test_a_port_that_workers_listen_on_is_kept_for_them(free: int) -> None:
    workers = replace(listener(free, protocol="gRPC"), by_workers=True)
    with bound(workers):
        # Another program, whatever it allows, and another server of the same user.
        with socket.socket() as strict, socket.socket() as lenient:
            lenient.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            for other in (strict, lenient):
                with pytest.raises(OSError, match="in use"):
                    other.bind((LOOPBACK, free))
        with pytest.raises(BentoMLConfigException, match="in use"):
            bind([workers])
        with socket.socket() as one, socket.socket() as two:
            for worker in (one, two):
                worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                worker.bind((LOOPBACK, free))
                worker.listen()
            # Nobody waits where nobody answers.
            for _ in range(8):
                with socket.create_connection((LOOPBACK, free)):
                    accepted = select.select([one, two], [], [], 5)[0]
                    accepted[0].accept()[0].close()


def test_all_taken_ports_are_told_at_once(taken: int, free: int) -> None:
    listeners = [listener(taken), listener(free), listener(0, "192.0.2.1", "gRPC")]

    with pytest.raises(BentoMLConfigException) as refusal:
        bind(listeners[:2])
    assert str(refusal.value) == (
        f"HTTP cannot listen on 127.0.0.1:{taken} (Address already in use): move HTTP."
    )
    with pytest.raises(BentoMLConfigException, match=r"move HTTP; gRPC .* 192\.0\.2\.1:0 "):
        bind(listeners)


def test_a_connection_left_by_a_server_that_has_ended_is_no_obstacle(free: int) -> None:
    with (
        socket.create_server((LOOPBACK, free)) as server,
        socket.create_connection((LOOPBACK, free)) as client,
    ):
        accepted, _ = server.accept()
        # The end that closes first keeps the port in TIME_WAIT.
        accepted.close()
        assert client.recv(1) == b""

    with bound(listener(free)):
        pass


@pytest.mark.parametrize(
    ("host", "port", "complaint"),
    [
        ("192.0.2.1", 3000, "HTTP cannot listen on 192.0.2.1:3000 (Cannot assign requested"),
        ("no.such.host.invalid", 3000, "HTTP cannot listen on no.such.host.invalid:3000 ("),
        (LOOPBACK, 70_000, "HTTP cannot listen on 127.0.0.1:70000 (a port is at most 65535)"),
    ],
)
def test_an_impossible_address_is_told(host: str, port: int, complaint: str) -> None:
    with pytest.raises(BentoMLConfigException) as refusal:
        bind([listener(port, host)])
    assert str(refusal.value).startswith(complaint)


@pytest.mark.parametrize(
    ("host", "port", "collides"),
    [
        (LOOPBACK, 3000, True),
        ("0.0.0.0", 3000, True),
        ("127.0.0.2", 3000, False),
        (LOOPBACK, 3001, False),
    ],
)
def test_two_protocols_need_two_ports(host: str, port: int, collides: bool) -> None:
    assert listener(3000).collides_with(listener(port, host, "gRPC")) is collides
    assert not listener(0).collides_with(listener(0, protocol="gRPC"))


def test_a_collision_is_told(free: int) -> None:
    with pytest.raises(BentoMLConfigException, match=r"gRPC cannot .*, which is HTTP's: move gRPC"):
        bind([listener(free), listener(free, protocol="gRPC")])


def test_an_ipv6_address_is_put_in_brackets() -> None:
    assert address("::1", 3001) == "[::1]:3001"
    assert address("localhost", 3001) == "localhost:3001"
