"""The exporter: checks again and again, and tells Prometheus what was found."""

import argparse
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from framework import Bundle
from monitoring.__main__ import main
from monitoring.exporter import HELP, Findings
from monitoring.serve import look
from monitoring.store import Store
from tests.unit.monitoring.conftest import Rows, staff
from tests.unit.monitoring.recorded import START, write, write_lines

TOYS = "tests.unit.monitoring.toys"
SECONDS = 60.0
Samples = dict[tuple[str, str], float]


def samples(text: str) -> Samples:
    """Name and the label that tells samples apart → value."""
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            which = one.labels.get("column") or "/".join(
                one.labels[name] for name in ("metric", "part") if name in one.labels
            )
            assert (one.name, which) not in found
            found[one.name, which] = one.value
    return found


@pytest.fixture
def serving(store: Store) -> Iterator[Callable[..., str]]:
    """Starts the command in a process of its own; gives the address of its metrics."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> str:
        code = f"import sys; from monitoring.__main__ import main; sys.exit(main(package={TOYS!r}))"
        given = ["serve", "--record", str(store.folder), "--port", "0", *arguments]
        process = subprocess.Popen(
            [sys.executable, "-c", code, *given], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip()

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
        assert process.stdout is not None
        process.stdout.close()


def asked(address: str, wanted: Callable[[Samples], bool]) -> Samples:
    """Asks until the metrics are as wanted."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with urllib.request.urlopen(address) as answer:
            found = samples(answer.read().decode())
        if wanted(found):
            return found
    raise AssertionError(f"not in {SECONDS} s: {found}")


def test_it_checks_again_and_tells_what_it_finds(
    bundle: Bundle[Any, Any], known: Rows, store: Store, serving: Callable[..., str], tmp_path: Path
) -> None:
    ids = write(store.folder, bundle, staff(known, 600, salary="low"))
    labels = tmp_path / "labels.csv"
    told = [
        f"{one},0,{'yes' if at % 2 else 'no'},2026-11-03T00:00:00Z" for at, one in enumerate(ids)
    ]
    labels.write_text("\n".join(["prediction_id,row,label,time", *told]))
    address = serving("--window", "600", "--every", "0.2", "--labels", str(labels))
    assert address.startswith("http://127.0.0.1:")
    suspected = ("model_monitor_drift_suspected", "")
    found = asked(address, lambda one: one.get(suspected) == 1)
    assert found["model_monitor_drift_alarm", ""] == 0
    assert found["model_monitor_window_records", ""] == 600
    level = found["model_monitor_drift_level", ""]
    assert found["model_monitor_drift_p_value", "salary"] < level
    assert found["model_monitor_drift_p_value", "evaluation"] > level
    assert found["model_monitor_drift_psi", "salary"] > 0.2
    assert found["model_monitor_performance_alarm", ""] == 1
    assert found["model_monitor_label_coverage", ""] == 1
    assert found["model_monitor_last_label_timestamp_seconds", ""] == 1_793_664_000
    overall = "roc_auc/overall"
    assert found["model_monitor_performance", overall] == pytest.approx(0.5, abs=0.1)
    assert found["model_monitor_performance_card", overall] > 0.8
    assert found["model_monitor_check_failures_total", ""] == 0
    last = found["model_monitor_last_check_timestamp_seconds", ""]
    assert time.time() - last < SECONDS
    more = staff(known, 600, seed=1, evaluation=lambda values: values * 0.999, salary="low")
    write(store.folder, bundle, more, name="b-1-1", start=START.replace(hour=12))
    found = asked(address, lambda one: one["model_monitor_drift_alarm", ""] == 1)
    assert found[suspected] == 0
    assert found["model_monitor_last_check_timestamp_seconds", ""] > last


def test_what_cannot_be_checked_is_counted(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"prediction_id": "a", "row": 0, "time": START}
    write_lines(store.folder, "staff", "gone", [line])
    write_lines(store.folder, "nobody", "v1", [line])
    findings = Findings()
    options = argparse.Namespace(
        model=None,
        package=TOYS,
        record=store.folder,
        database=None,
        labels=None,
        window=2_000,
        least=500,
        patience=24,
        margin=0.05,
    )
    for _ in range(2):
        look(store, options, findings)
    assert findings.failures == {"staff": 2}
    assert "staff:gone is not in the model store" in capsys.readouterr().err
    options.model = ["nobody"]
    look(store, options, findings)
    assert findings.failures["nobody"] == 1


def test_what_cannot_be_used_ends_it(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["serve", "--record", str(store.folder)]
    for arguments, said in (
        (["--every", "0"], "--every 0 must be more than 0 seconds"),
        (["--window", "0"], "allowed are 1 ≤ least ≤ window"),
        (["--model", "nobody"], "nobody"),
        (["--host", "203.0.113.1", "--port", "0"], "cannot be listened on"),
    ):
        assert main([*folder, *arguments], TOYS) == 2
        assert said in capsys.readouterr().err


def test_each_metric_is_told_of() -> None:
    assert all(text.endswith(".") for text in HELP.values())
