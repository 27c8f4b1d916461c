"""Labels, and writers of them in processes of their own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy.processes import ROOT
from framework.record.labels import LabelEvent
from monitoring.label_store.database import Database
from monitoring.label_store.store import LabelStore
from monitoring.store import Store
from tests.unit.monitoring.spooled import prediction_id

DAY = datetime(2026, 11, 1, tzinfo=UTC)
FIRST = int(DAY.timestamp()) * 1_000_000
FIFTY = range(50)


def event(
    number: int = 0,
    label: Any = 1.0,
    *,
    row: int = 0,
    time: int | None = None,
    received: int = 0,
    source: str = "",
) -> LabelEvent:
    """A label; its times are seconds after a certain one."""
    told = None if time is None else FIRST + time * 1_000_000
    return LabelEvent(prediction_id(number), row, label, told, source, FIRST + received * 1_000_000)


def after(seconds: int) -> datetime:
    """The time that an event of so many seconds has."""
    return DAY + timedelta(seconds=seconds)


def held(store: LabelStore) -> dict[tuple[str, int], str]:
    """Which label holds of each row."""
    lines = store.labels("gauges").to_pylist()
    return {(line["prediction_id"], line["row"]): line["label"] for line in lines}


def writer(folder: Path, url: str, *arguments: str) -> "subprocess.Popen[str]":
    """Starts a process that writes labels; see `main`."""
    command = [sys.executable, "-m", __name__, str(folder), url, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)


def _told_half(count: int) -> Iterator[LabelEvent]:
    for number in range(count):
        if number == count // 2:
            print("half", flush=True)
            time.sleep(60)
        yield event(number)


def main(folder: str, url: str, what: str) -> None:
    """Writes the same fifty labels again and again, or is halfway through many."""
    store = LabelStore(Database(Path(folder), url), Store(Path(folder)))
    if what == "half":
        store.add(_told_half(5_000))
        return
    print("ready", flush=True)
    sys.stdin.readline()
    numbers = list(FIFTY) if what == "up" else list(reversed(FIFTY))
    for second in range(5):
        store.add([event(one, float(one), received=second) for one in numbers])


if __name__ == "__main__":
    main(*sys.argv[1:])
