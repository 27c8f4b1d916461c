"""Measures this server of two checkouts, side by side.

Each trains the models on the same data into a store of its own, and serves them by its own code;
the same load goes to both in turn, round after round. What counts is new / old within a round: a
redesign should not be slower.
"""

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import grpc
from rich.console import Console
from rich.table import Table

from deploy.processes import ROOT, Child, free_port, is_ready
from load_tests import data, h2load, wrk
from load_tests.environment import require_tools
from load_tests.processes import Process
from load_tests.results import Spread
from load_tests.roles import MODELS, PRIMARY
from load_tests.running import HOST, folder
from load_tests.scenarios import ONE, SCENARIOS, named, requests
from load_tests.systems.base import CONTRACT
from load_tests.systems.bento import SERVER
from load_tests.terminal import progress

LOADS = (("table-1", 32), ("table-1", 1), ("table-100", 32), ("table-1000", 32), ("text-1", 32))
Rates = dict[str, dict[str, list[float]]]  # load → side → requests a second in each round


class Side(Process):
    """One checkout, serving with one worker what its store holds."""

    def __init__(self, checkout: Path, home: Path) -> None:
        self.port, self.grpc_port = free_port(), free_port()
        serve = [sys.executable, "-m", "bentoml", "serve", "service:ModelServer", "--host", HOST]
        settings = {"WORKERS": "1", "GRPC_PORT": str(self.grpc_port), "DRAIN_SECONDS": "0"}
        environment = {f"MODEL_SERVER_{name}": value for name, value in settings.items()}
        environment |= _environment(checkout, home)
        super().__init__([*serve, "--port", str(self.port)], environment, checkout)
        self.url = f"http://{HOST}:{self.port}"


Load = Callable[[Side], tuple[float, int]]
"""Puts a server under load; returns requests a second, and how many failed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit code is 1 if a request failed."""
    options = _parser().parse_args(arguments)
    require_tools()
    rows = data.read_all(options.data)
    # Ended from outside, it must still end what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    names = [name for name in MODELS if (options.old / "models" / name).is_dir()]
    rates: Rates = {}
    failures = []
    with folder() as place, contextlib.ExitStack() as stack:
        loads = _loads(names, rows, place, options.seconds)
        report = stack.enter_context(progress(2 + 2 * options.rounds * len(loads)))
        sides = {}
        for name, checkout in {"old": options.old.resolve(), "new": ROOT}.items():
            report(f"{name}: training and starting")
            _train(checkout, place / name, names, options.data)
            side = sides[name] = stack.enter_context(Side(checkout, place / name))
            side.wait_ready(partial(is_ready, side.url))
        for number in range(options.rounds):
            for what, load in loads.items():
                for name in list(sides)[:: 1 if number % 2 else -1]:
                    report(f"round {number + 1}: {name}, {what}")
                    rate, failed = load(sides[name])
                    sides[name].require_running()
                    rates.setdefault(what, {}).setdefault(name, []).append(rate)
                    failures += [f"{name}, {what}: {failed} requests failed"] * bool(failed)
    Console().print(_table(rates), *failures, sep="\n")
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m load_tests.compare", description=__doc__)
    parser.add_argument("old", type=Path, metavar="OLD_CHECKOUT", help="folder of the other code")
    data.add_option(parser, "rows to train on and to send")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--seconds", type=int, default=3, metavar="N", help="of each measurement")
    return parser


def _environment(checkout: Path, home: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(checkout), "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}


def _train(checkout: Path, home: Path, names: Sequence[str], files: Mapping[str, str]) -> None:
    for name in names:
        given = ["--data", str(Path(files[name]).resolve())] if name in files else []
        command = [sys.executable, "-m", "training", name, *given]
        with Child(command, _environment(checkout, home), checkout) as child:
            if child.process.wait():
                raise SystemExit(f"{checkout}: training {name} failed:\n{child.output()}")


def _loads(
    names: Sequence[str], rows: Mapping[str, data.Data], place: Path, seconds: int
) -> dict[str, Load]:
    """Returns what is measured, of the models that both checkouts have."""
    loads: dict[str, Load] = {}
    for role, connections in LOADS:
        for scenario in (SCENARIOS[name] for name in named(role)):
            if scenario.model in names:
                dialect, bodies = CONTRACT[scenario.model], place / f"{scenario.name}.jsonl"
                lines = map(dialect.encode, requests(scenario, rows[scenario.model]))
                bodies.write_text("\n".join(lines), encoding="utf-8")
                load = partial(_http, dialect.path, bodies, connections, seconds)
                loads[f"{scenario.title}, concurrency {connections}"] = load
    if SERVER.grpc and PRIMARY.name in names:
        what = f"{ONE.title}, typed gRPC, concurrency {h2load.CONNECTIONS * h2load.CALLS}"
        message = SERVER.grpc.encode(rows[PRIMARY.name].rows[:1])
        loads[what] = partial(_typed, SERVER.grpc.path, message, place, seconds)
    return loads


def _http(path: str, bodies: Path, connections: int, seconds: int, side: Side) -> tuple[float, int]:
    wrk.run(side.url + path, bodies, connections, 1)
    seen = wrk.run(side.url + path, bodies, connections, seconds)
    return seen.rate, seen.failed


def _typed(path: str, message: bytes, place: Path, seconds: int, side: Side) -> tuple[float, int]:
    # `h2load` does not read gRPC's status: one call shows that they are answered.
    with grpc.insecure_channel(f"{HOST}:{side.grpc_port}") as channel:
        call: Callable[..., bytes] = channel.unary_unary(path)
        call(message, timeout=10)
    called = h2load.run(side.grpc_port, path, message, place, seconds)
    return called.rate, called.failed


def _table(rates: Rates) -> Table:
    table = Table("load", "old, requests/s", "new, requests/s", "new / old: median (range)")
    for what, sides in rates.items():
        ratios = [new / old for old, new in zip(sides["old"], sides["new"], strict=True)]
        shown = (Spread.of(sides[name]).show(0) for name in ("old", "new"))
        table.add_row(what, *shown, Spread.of(ratios).show(2))
    return table


if __name__ == "__main__":
    sys.exit(main())
