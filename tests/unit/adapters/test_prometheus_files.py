"""A full disk costs a process its metrics, not its life."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.processes import ROOT
from tests.disks import on_a_small_disk

# Fills the disk before the first metric, or between two, and says what is to be seen of it all.
PROGRAM = """
import json, os, sys
from pathlib import Path
folder, moment, series = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
from framework.adapters.prometheus import allocate_shared_files
from tests.disks import fill
if moment != "unguarded":
    allocate_shared_files()
import prometheus_client
from prometheus_client.multiprocess import MultiProcessCollector
if moment == "before":
    fill(folder)
counter = prometheus_client.Counter("requests", "Requests.", ["route"])
counter.labels("first").inc()
if moment in ("between", "unguarded"):
    fill(folder)
for number in range(series):
    counter.labels(f"route {number}").inc(2)
counter.labels("first").inc()
def shared():
    registry = prometheus_client.CollectorRegistry()
    MultiProcessCollector(registry)
    return [sample for metric in registry.collect() for sample in metric.samples]
print(json.dumps({
    "own": counter.labels("first")._value.get(),
    "shared": {sample.labels["route"]: sample.value for sample in shared()},
    "files": sorted(path.name.split("_")[0] for path in folder.iterdir()),
}))
"""
# Beyond the first size of a file, so that it has to grow several times.
MANY = 3_000


def run(folder: Path, moment: str, series: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", PROGRAM, str(folder), moment, str(series)]
    return subprocess.run(
        on_a_small_disk(folder, "1m", command),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_on_a_full_disk_prometheus_client_alone_is_killed_by_the_kernel(tmp_path: Path) -> None:
    ended = run(tmp_path, "unguarded", MANY)

    assert ended.returncode in (-7, 135), ended.stderr  # SIGBUS
    assert ended.stderr == ""


def test_with_room_every_series_is_shared(tmp_path: Path) -> None:
    ended = run(tmp_path, "never", MANY)

    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["shared"] == {"first": 2} | {f"route {number}": 2 for number in range(MANY)}
    assert (told["files"], ended.stderr) == (["counter"], "")


@pytest.mark.parametrize("moment", ["before", "between"])
def test_on_a_full_disk_the_process_goes_on_and_says_so_once(tmp_path: Path, moment: str) -> None:
    ended = run(tmp_path, moment, MANY)

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {"own": 2, "shared": {}, "files": ["filler"]}
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"There is no room for the metrics of this worker in {tmp_path} (No spa")
