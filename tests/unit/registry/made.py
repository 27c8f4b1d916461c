"""The registry of toy models as its users run it: `python -m tests.unit.registry.made …`."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

from deploy.processes import ROOT
from framework.discovery import find_model

PACKAGE, NAME = "tests.models", "breast_cancer"
BEFORE_FILE, TOGETHER = "REGISTRY_KILLED_BEFORE", "REGISTRY_TOGETHER"
PACKAGES = "REGISTRY_PACKAGES"
DEADLINE_SECONDS = 60
MAKING = ("train", "record")


def registry(home: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Starts a command on the models of a home."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.unit.registry.made", *arguments],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(home), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(
    home: Path,
    *arguments: str,
    code: int = 0,
    environment: Mapping[str, str] | None = None,
    **variables: str,
) -> Any:
    """Runs a command; returns what it told in JSON, or its complaint if it has one."""
    told = () if arguments[0] in MAKING else ("--json",)
    with registry(home, *arguments, *told, **(environment or {}), **variables) as process:
        output, complaint = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == code, complaint
    if code == 2:
        assert complaint.count("\n") == 1, complaint
        return complaint
    return json.loads(output) if told else output


def told(home: Path, *commands: str, code: int = 0) -> tuple[list[Any], list[str]]:
    """Runs commands one after the other in one process; returns all JSON, and all complaints."""
    words = " --json + ".join([*commands, ""]).split()[:-1]
    with registry(home, *words) as process:
        output, complaints = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == code, complaints
    found, rest = [], output.strip()
    while rest:
        one, end = json.JSONDecoder().raw_decode(rest)
        found.append(one)
        rest = rest[end:].strip()
    return found, complaints.splitlines()


def _train(version: str, data: str = "") -> int:
    from training import train

    train(find_model(NAME, PACKAGE), data=data or None, tag=version)
    return 0


def write_tables(folder: Path) -> tuple[Path, Path]:
    """Writes all rows of the model, and as many of which a third is wrong; returns both paths.

    The wrong ones have other numbers, too: who has learnt from them has learnt from no right one.
    """
    model = find_model(NAME, PACKAGE)
    assert model.data is not None
    frame = pd.DataFrame(dict(model.data.load()))
    right, wrong = folder / "right.csv", folder / "wrong.csv"
    frame.to_csv(right, index=False)
    frame["mean_0"] += 0.001
    first, second = sorted(set(frame["diagnosis"]))
    third = frame.index % 3 == 0
    frame.loc[third, "diagnosis"] = frame["diagnosis"].map({first: second, second: first})
    frame.to_csv(wrong, index=False)
    return right, wrong


def _record(folder: str, version: str, *drop: str) -> int:
    """Records, on two days, what a version answers to all that there is to learn."""
    from datetime import timedelta

    import bentoml

    from framework import Bundle
    from tests.unit.monitoring.recorded import write
    from training import rows
    from training.data import of_source

    model = find_model(NAME, PACKAGE)
    assert model.data is not None
    bundle = Bundle.load(model, bentoml.models.get(f"{NAME}:{version}"))
    records = rows.read(model, of_source(model.data)).records
    step = timedelta(days=1) / len(records) * 2
    write(Path(folder), bundle, records, step=step, rows_each=2, drop=drop)
    return 0


def _kill_before(ending: str) -> Callable[[str, tuple[Any, ...]], None]:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and str(arguments[1]).endswith(ending):
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def _wait_for_the_other(folder: Path) -> None:
    """Goes on when two processes have come this far."""
    (folder / str(os.getpid())).touch()
    end = time.monotonic() + DEADLINE_SECONDS
    while len(list(folder.iterdir())) < 2:
        assert time.monotonic() < end, "the other process did not come this far"
        time.sleep(0.01)


def main(arguments: list[str]) -> int:
    """Trains, or runs the registry; killed, or with another, as the environment says."""
    from registry.__main__ import main as run
    from registry.versions import require_fit

    # After all else: only what is missing comes from there.
    sys.path += filter(None, [os.environ.get(PACKAGES)])
    if arguments[0] == "train":
        return _train(*arguments[1:])
    if arguments[0] == "record":
        return _record(*arguments[1:])
    if ending := os.environ.get(BEFORE_FILE):
        sys.addaudithook(_kill_before(ending))
    if folder := os.environ.get(TOGETHER):

        def check_together(*given: Any) -> dict[str, str]:
            files = require_fit(*given)
            _wait_for_the_other(Path(folder))
            return files

        with mock.patch("registry.promotion.require_fit", check_together):
            return run(arguments, PACKAGE)
    each = " ".join(arguments).split(" + ")
    return max(run(one.split(), PACKAGE) for one in each)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
