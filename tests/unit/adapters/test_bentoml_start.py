"""What is known of a server that BentoML's command line is about to start, and told to it."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml.serving import ensure_prometheus_dir
from bentoml_cli.serve import serve_command

from framework.adapters.bentoml import starting_server, use_metrics_folder, worker_count
from tests.unit.adapters.service import SERVICE


def _command(name: str, *arguments: str) -> click.Context:
    return serve_command.commands[name].make_context(name, list(arguments))


@pytest.fixture
def _own_folder() -> Iterator[None]:
    yield
    BentoMLContainer.prometheus_multiproc_dir.reset()


def test_starting_server_is_where_the_command_line_says() -> None:
    with _command("serve", "tiny:Tiny", "--host", "127.0.0.9", "--port", "1234"):
        assert starting_server() == ("127.0.0.9", 1234)


def test_starting_server_is_where_the_configuration_says() -> None:
    SERVICE.inject_config()

    with _command("serve", "tiny:Tiny"):
        assert starting_server() == (None, 3000)
    with _command("serve", "tiny:Tiny", "--host", "0.0.0.0"):
        assert starting_server() == ("0.0.0.0", 3000)


def test_no_server_is_starting_elsewhere() -> None:
    assert starting_server() is None
    with click.Context(click.Command("build")):
        assert starting_server() is None


@pytest.mark.usefixtures("_own_folder")
def test_the_metrics_folder_is_what_bentoml_hands_to_its_workers(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    made = folder.stat()

    use_metrics_folder(folder)

    assert ensure_prometheus_dir() == str(folder)
    # Not made anew: a lock on it would be lost.
    assert folder.stat().st_ino == made.st_ino


def test_worker_count_is_what_the_configuration_says() -> None:
    SERVICE.inject_config()
    assert worker_count(SERVICE.name) == 3
