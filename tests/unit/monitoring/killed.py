"""Converts again and again, and is killed each time: `python -m tests.unit.monitoring.killed`."""

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from framework.record.folder import RecordFolder
from monitoring.record.converter import Converter
from tests.unit.monitoring.spooled import answered, labelled, labels, models, refused, spool

AT_STEPS, AT_TIMES = 75, 25
ENTRIES = 30
_STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "sqlite3.connect")


def entries_of(number: int) -> list[Any]:
    """What the spool gets before each round."""
    numbers = range(number * ENTRIES, (number + 1) * ENTRIES)
    entries = [refused(one) if one % 10 == 0 else answered(one, 1 + one % 3) for one in numbers]
    return [*entries, *(labelled(one, 1.0) for one in numbers if one % 10 == 5)]


def _kill_at(step: int, root: Path) -> None:
    """Has this process killed before it does its so many-th thing with a file of the record."""
    left = step

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in _STEPS and str(arguments[0]).startswith(str(root)):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def main(root: Path) -> None:
    """Prints how many were killed."""
    converter = Converter(RecordFolder(root), models(), labels(root))
    killed = 0
    random.seed(7)
    for number in range(AT_STEPS + AT_TIMES):
        spool(root, entries_of(number))
        child = os.fork()
        if not child:
            if number < AT_STEPS:
                # As many steps as there are, then again.
                _kill_at(number % 25, root)
            converter.run()
            os._exit(0)
        if number >= AT_STEPS:
            time.sleep(random.uniform(0, 0.06))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
    print(killed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
