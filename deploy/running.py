"""A container of the image, locked down as in production."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.engine import Engine
from deploy.processes import STOP_DEADLINE_SECONDS, wait_until_ready
from framework.access.key_file import VARIABLE as KEYS

HTTP_PORT, GRPC_PORT = 3000, 3001
# Nothing is writable but a small folder in memory, and no right is left.
LOCKED_DOWN = (
    "--read-only",
    "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=64m,mode=1777",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
)


@dataclass(frozen=True)
class Container:
    """A container and the engine that runs it."""

    engine: Engine
    id: str

    @classmethod
    @contextlib.contextmanager
    def start(
        cls,
        engine: Engine,
        image: str,
        *,
        environment: Mapping[str, str] | None = None,
        ports: Mapping[int, int] | None = None,
        cpus: float | None = None,
        folders: Mapping[Path, str] | None = None,
    ) -> "Iterator[Container]":
        """Starts an image on the loopback interface; removes it afterwards.

        Args:
            engine: What runs it.
            image: Name of the image.
            environment: Settings of the server, which is open unless they name keys.
            ports: The container's port → the machine's; by default the server's, at free ones.
            cpus: Cores it may use; by default all.
            folders: The machine's folder → the container's, where it may write, or with `:ro`
                after it only read.
        """
        # Its ports are reached from this machine alone.
        settings = dict(environment or {})
        if KEYS not in settings:
            settings["MODEL_SERVER_OPEN"] = "true"
        variables = [f"--env={name}={value}" for name, value in settings.items()]
        outside: Mapping[int, int | str] = ports or {HTTP_PORT: "", GRPC_PORT: ""}
        published = [f"--publish=127.0.0.1:{own}:{port}" for port, own in outside.items()]
        mounted = [f"--volume={path}:{place}" for path, place in (folders or {}).items()]
        # Podman would put memory on further folders.
        rights = (*LOCKED_DOWN, *(["--read-only-tmpfs=false"] if engine.name == "podman" else []))
        limits = [f"--cpus={cpus}"] if cpus else []
        output = engine.run(
            "run", "--detach", *rights, *limits, *published, *mounted, *variables, image
        )
        container = cls(engine, output.splitlines()[-1])
        try:
            yield container
        finally:
            engine.run("rm", "--force", "--volumes", container.id)

    @property
    def url(self) -> str:
        """Where it answers HTTP."""
        return f"http://{self.address(HTTP_PORT)}"

    @property
    def grpc(self) -> str:
        """Where it answers gRPC."""
        return self.address(GRPC_PORT)

    def address(self, port: int) -> str:
        """Host and port at which a port of the container is reached."""
        return self.engine.run("port", self.id, str(port)).splitlines()[0]

    def inspect(self) -> dict[str, Any]:
        """What the engine knows of it."""
        (state,) = json.loads(self.engine.run("inspect", self.id))
        found: dict[str, Any] = state
        return found

    def is_healthy(self) -> bool:
        """Whether the image's own health check passes; Docker asks it by itself, now and then."""
        if self.engine.name == "docker":
            return bool(self.inspect()["State"]["Health"]["Status"] == "healthy")
        return self.engine.succeeds("healthcheck", "run", self.id)

    def stop(self) -> int:
        """Sends SIGTERM, waits, and returns the exit code."""
        self.engine.run("stop", f"--time={STOP_DEADLINE_SECONDS}", self.id)
        return int(self.inspect()["State"]["ExitCode"])

    def wait_until_ready(self) -> None:
        """Polls readiness.

        Raises:
            TimeoutError: It was not ready in time; the message holds its log.
        """
        try:
            wait_until_ready(self.url, "the container")
        except TimeoutError as error:
            raise TimeoutError(f"{error}:\n{self.engine.run('logs', self.id)}") from None
