"""A PostgreSQL of a test's own, on the loopback interface."""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from deploy.processes import free_port, wait_until
from tests.tools import require_tool

USER, PASSWORD = "keeper", "s3cret"
DEADLINE_SECONDS = 30


class Postgres:
    """A running server.

    Args:
        port: Where it listens.
    """

    def __init__(self, port: int) -> None:
        self._at = f"{USER}:{PASSWORD}@127.0.0.1:{port}"
        self._numbers = itertools.count()

    def new_database(self) -> str:
        """Makes an empty database; returns its URL."""
        name = f"labels_{next(self._numbers)}"
        with psycopg.connect(f"postgresql://{self._at}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://{self._at}/{name}"

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(f"postgresql://{self._at}/postgres", connect_timeout=5).close()
            return True
        return False


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """Starts a server on a free port, and ends it afterwards."""
    postgres = require_tool("postgres")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    password = folder / "password"
    password.write_text(PASSWORD)
    # It refuses to run as root.
    other: dict[str, Any] = {}
    if os.geteuid() == 0:
        other = {"user": "postgres", "group": "postgres", "extra_groups": []}
        for path in (folder, password):
            shutil.chown(path, "postgres", "postgres")
    data = folder / "data"
    try:
        initdb = Path(postgres).resolve().with_name("initdb")
        options = [
            "--no-sync",
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            f"--username={USER}",
        ]
        subprocess.run(
            [initdb, *options, data], check=True, capture_output=True, cwd=folder, **other
        )
        port = free_port()
        settings = {"port": port, "listen_addresses": "127.0.0.1", "fsync": "off"}
        settings |= {"unix_socket_directories": folder, "max_connections": 30}
        command: list[str | Path] = [postgres, "-D", data]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **other)
        try:
            found = Postgres(port)
            wait_until(found.is_ready, DEADLINE_SECONDS, "PostgreSQL was not ready")
            yield found
        finally:
            # What is connected is not waited for.
            server.send_signal(signal.SIGINT)
            server.wait(DEADLINE_SECONDS)
    finally:
        shutil.rmtree(folder)
