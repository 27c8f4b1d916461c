"""What the master relies on in BentoML's and circus's insides: each name has a test."""

import inspect
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _bentoml_impl.server.serving import API_SERVER_NAME
from bentoml._internal.utils import circus as bentoml_circus
from bentoml.serving import create_watcher
from circus.arbiter import Arbiter
from circus.commands import get_commands
from circus.process import Process
from circus.sighandler import SysHandler
from circus.sockets import CircusSocket
from circus.watcher import Watcher

from framework.adapters.circus import Master, Supervision, supervise

DRAIN_SECONDS, TIMEOUT_SECONDS = 2.0, 3.0


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that listens already."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held


@pytest.fixture
def master(listening: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Master]:
    """The master as BentoML makes it, of a worker that waits; not started."""
    monkeypatch.setattr(bentoml_circus, "Arbiter", bentoml_circus.Arbiter)
    handlers = {one: signal.getsignal(one) for one in SysHandler.SIGNALS}
    started: list[str] = []
    supervise(
        Supervision(
            listening,
            [],
            DRAIN_SECONDS,
            TIMEOUT_SECONDS,
            is_ready=lambda _pid: True,
            on_start=lambda: started.append("once"),
        )
    )
    watcher = create_watcher(name="service", args=["-c", "input()"], working_dir=str(Path.cwd()))
    made = CircusSocket(name=API_SERVER_NAME, host="127.0.0.1", port=0)
    master = bentoml_circus.create_standalone_arbiter(watchers=[watcher], sockets=[made])
    assert isinstance(master, Master)
    assert started == ["once"]
    yield master
    made.close()
    master.loop.close(all_fds=True)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_create_standalone_arbiter_makes_the_arbiter_of_its_module(master: Master) -> None:
    assert [one.name for one in master.iter_watchers()] == ["service"]


def test_graceful_timeout_bounds_how_long_a_worker_may_take_to_end(master: Master) -> None:
    (watcher,) = master.iter_watchers()
    assert DRAIN_SECONDS + TIMEOUT_SECONDS < watcher.graceful_timeout < 60
    assert "graceful_timeout" in inspect.getsource(Watcher.kill_process)


def test_the_socket_that_bentoml_made_is_the_one_that_listens(
    master: Master, listening: socket.socket
) -> None:
    master.sockets.bind_and_listen_all()

    made = master.sockets[API_SERVER_NAME]
    assert made.getsockname() == listening.getsockname()
    assert made.fileno() != listening.fileno()
    assert made.get_inheritable()
    with socket.create_connection(listening.getsockname()):
        made.accept()[0].close()
    master.sockets.close_all()
    master.sockets.close_all()


def test_no_command_runs_and_nothing_stops_at_first(master: Master) -> None:
    assert master._stopping is False
    assert master._exclusive_running_command is None


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (Watcher.get_active_processes, []),
        (Watcher.spawn_process, []),
        (Watcher.kill_process, ["process", "stop_signal"]),
        (Watcher.reap_process, ["pid"]),
        (Watcher.send_signal_process, ["process", "signum", "recursive"]),
        (Process.is_alive, []),
        (Arbiter.manage_watchers, []),
        (Arbiter.stop, []),
        (Arbiter.reload, ["graceful", "sequential"]),
    ],
)
def test_what_is_called_can_be_called(method: Any, parameters: list[str]) -> None:
    assert {"self", *parameters} <= inspect.signature(method).parameters.keys()


@pytest.mark.parametrize(("command", "called"), [("quit", "stop"), ("reload", "reload")])
def test_signals_reach_the_arbiter_as_commands(command: str, called: str) -> None:
    calls = []

    class Recorder:
        def __getattr__(self, name: str) -> Any:
            return lambda *_args, **_options: calls.append(name)

    get_commands()[command].execute(Recorder(), {"graceful": True, "sequential": False})

    assert calls == [called]


def test_stopping_tells_a_process_that_is_being_killed() -> None:
    assert "self.stopping" in inspect.getsource(Process.__init__)
    assert "process.stopping" in inspect.getsource(Watcher.kill_process)
