"""BentoML's own suites, with `ModelService` as the default class, beside stock.

They are not part of the repository: `../shared/peers` holds them, with their licence.
"""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from deploy.processes import ROOT

ARCHIVE = ROOT.parent / "shared" / "peers" / "bentoml-tests.tar.gz"
SITE = Path(__file__).parent / "site"
FIXTURES = Path(__file__).parent / "fixtures"
# Suite → its folder, and which of its tests are run.
SUITES = {
    "unit": ["unit"],
    "new SDK": ["bento_new_sdk"],
    "monitoring": ["monitoring/task_classification/tests", "-k", "standalone and default"],
}
PASSED_BEFORE = {"unit": 200, "new SDK": 9, "monitoring": 1}
DEADLINE_SECONDS = 400

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not ARCHIVE.exists(), reason=f"BentoML's tests are not at {ARCHIVE}"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suites, unpacked, with the services that the tests of the new SDK serve."""
    made = tmp_path_factory.mktemp("peers")
    with tarfile.open(ARCHIVE) as archive:
        # A file of the project's; Debian's Python 3.11.2 knows no filters yet.
        archive.extractall(made)
    # Where they are in BentoML's own tree.
    tests = (made / "bentoml-tests").rename(made / "tests")
    (tests / "__init__.py").touch()
    (tests / "fixtures").symlink_to(FIXTURES)
    return made


def outcomes(folder: Path, suite: str, served_by: str) -> dict[str, str]:
    """What becomes of each test of a suite, by its name, with a class as the default one."""
    place, *arguments = SUITES[suite]
    told = folder / f"{suite} {served_by}.txt"
    told.touch()
    environment = {
        **os.environ,
        "OUTCOMES": str(told),
        "SERVED_BY": served_by,
        "PYTHONPATH": os.pathsep.join([str(SITE), str(ROOT)]),
        "BENTOML_DO_NOT_TRACK": "True",
        # Neither's start shall meet another server.
        "MODEL_SERVER_DRAIN_SECONDS": "0",
    }
    for name in ("BENTOML_HOME", "PYTEST_ADDOPTS"):
        environment.pop(name, None)
    plugins = ["-p", "bentoml.testing.pytest.plugin", "-p", "peers_plugin"]
    plugins += ["-c", os.devnull, "--rootdir", ".", "--continue-on-collection-errors"]
    plugins += ["-p", "no:locust", "-p", "no:schemathesis", "-p", "no:cacheprovider"]
    with (folder / f"{suite} {served_by}.log").open("w") as log:
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *plugins, f"tests/{place}", *arguments],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
    lines = [line.split("\t", 1) for line in told.read_text().splitlines()]
    return {name: outcome for outcome, name in lines}


@pytest.mark.parametrize("suite", SUITES)
def test_bentomls_own_tests_have_the_outcomes_of_the_stock_class(folder: Path, suite: str) -> None:
    # One after the other: both take the ports that the tests name.
    ours, stock = (outcomes(folder, suite, name) for name in ("ModelService", "Service"))

    different = {name for name in stock | ours if stock.get(name) != ours.get(name)}
    assert {name: (stock.get(name), ours.get(name)) for name in different} == {}
    assert sum(outcome == "passed" for outcome in ours.values()) >= PASSED_BEFORE[suite]
