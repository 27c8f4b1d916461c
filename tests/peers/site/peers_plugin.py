"""What BentoML's own tests are run with: coroutines as tests, and one line for each outcome."""

import asyncio
import inspect
import os
from pathlib import Path
from typing import Any

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a coroutine to its end, for which they use a plugin that is not installed here."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def pytest_configure(config: Any) -> None:
    """Knows the mark of that plugin."""
    config.addinivalue_line("markers", "asyncio: a coroutine")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Writes down what became of a test; the last line about it counts."""
    if report.when == "call" or report.outcome != "passed":
        with Path(os.environ["OUTCOMES"]).open("a") as file:
            file.write(f"{report.outcome}\t{report.nodeid}\n")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Writes down what could not be imported."""
    if report.failed:
        with Path(os.environ["OUTCOMES"]).open("a") as file:
            file.write(f"failed\t{report.nodeid}\n")
