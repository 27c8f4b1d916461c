"""Servers of this home take over a promotion while they run; what one refuses is taken back."""

import sys
import time

from framework.adapters.bentoml import home_folder
from framework.pointer import CHAMPION, Standing
from framework.servers import ModelState, server_folders
from registry.errors import RegistryError
from registry.events import Change
from registry.history import History

WAIT_SECONDS = 30.0
"""How long servers may take, unless somebody says otherwise."""

_LOOK_SECONDS = 0.05


def roll_out(
    history: History, change: Change, before: Standing | None, seconds: float
) -> tuple[int, int]:
    """Has running servers serve a new champion, and waits until they do.

    Args:
        history: Where the new champion is.
        change: What has made it champion.
        before: The champion before.
        seconds: How long to wait.

    Returns:
        How many workers serve it, and how many do not yet.

    Raises:
        RegistryError: One refused it; the champion before is champion again.
    """
    name = change.model
    champion = history.publish().standing(name, CHAMPION)
    if champion is None or champion.tag != change.after:
        return 0, 0
    deadline = time.monotonic() + seconds
    while True:
        states = [one for server in server_folders(home_folder()) for one in server.states(name)]
        for state in states:
            if _is_told(state, champion) and state.state == "UNAVAILABLE":
                _take_back(history, champion, before, state.reason)
        late = sum(not (_is_told(state, champion) and state.state == "READY") for state in states)
        if not late or time.monotonic() >= deadline:
            break
        time.sleep(_LOOK_SECONDS)
    if late and seconds:
        print(
            f"{change.after} is champion, but {late} of {len(states)} workers have not taken it "
            f"over within {seconds:g} s; their log says why, and `GET /models/{name}` what they "
            "serve.",
            file=sys.stderr,
        )
    return len(states) - late, late


def _is_told(state: ModelState, champion: Standing) -> bool:
    return state.target is not None and state.target.event >= champion.event


def _take_back(history: History, champion: Standing, before: Standing | None, reason: str) -> None:
    if before is None:
        raise RegistryError(f"A server refuses {champion.tag}, the first champion: {reason}")
    known = history.events(champion.tag.partition(":")[0])
    files = next(one.change.files for one in reversed(known) if one.change.after == before.tag)
    told = f"a server refused {champion.tag}: {reason}"
    history.move(Change("withdraw", CHAMPION, before.tag, files, told), champion)
    history.publish()
    raise RegistryError(f"{before.tag} is champion again, because {told}")
