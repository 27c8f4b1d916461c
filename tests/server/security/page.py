"""docs/security.md: the commands that lock a server, as its readers run them."""

import json
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from deploy.processes import ROOT, wait_until
from tests.console import Command, commands, run
from tests.server.test_readme import assert_like

CREATE, SERVE, ASK_AS_STRANGER, ASK, REVOKE, SERVE_IN_CONTAINER, *OTHERS = commands(
    ROOT / "docs" / "security.md"
)
_SHOWN_ADDRESS = "localhost:3000"
_DEADLINE_SECONDS = 10
_COMMAND_SECONDS = 120


def lock(
    folder: Path,
    environment: dict[str, str],
    serve: Callable[[], Sequence[str]],
    models: Collection[str],
) -> None:
    """Runs the five commands, and compares what they print with the page.

    Args:
        folder: A copy of the repository.
        environment: That of its reader.
        serve: Does what the second command does; returns the addresses of the server.
        models: The models that it serves.
    """

    def ask(command: Command, address: str) -> str:
        line = command.line.replace(_SHOWN_ADDRESS, address)
        assert address in line
        return run(line, folder, environment, _COMMAND_SECONDS).strip()

    def is_refused(address: str) -> bool:
        return bool(json.loads(ask(ASK, address)).get("code") == "unauthenticated")

    run(CREATE.line, folder, environment, _COMMAND_SECONDS)
    addresses = serve()
    for address in addresses:
        assert_like(ask(ASK_AS_STRANGER, address), ASK_AS_STRANGER.shown.strip())
        # Those of the page are this repository's, which a copy may have others than.
        told = json.loads(ask(ASK, address))
        assert told == {**json.loads(ASK.shown), "models": sorted(models)}
    revoked = run(REVOKE.line, folder, environment, _COMMAND_SECONDS)
    assert_like(revoked.strip(), REVOKE.shown.strip())
    for address in addresses:
        wait_until(
            lambda at=address: is_refused(at),  # type: ignore[misc]
            _DEADLINE_SECONDS,
            f"the revoked key was let in at {address}",
        )
