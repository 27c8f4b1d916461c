"""Servers of this home take over a promotion while they run; what one refuses is taken back."""

import sys
import time
from typing import NoReturn

from framework.adapters.bentoml import home_folder
from framework.pointer import CHAMPION, Alias, Standing
from framework.servers import BesideState, ModelState, server_folders
from registry.errors import RegistryError
from registry.events import Change
from registry.history import History

WAIT_SECONDS = 30.0
"""How long servers may take, unless somebody says otherwise."""

_LOOK_SECONDS = 0.05


def roll_out(
    history: History, change: Change, before: Standing | None, seconds: float
) -> tuple[int, int]:
    """Has running servers follow a new champion, canary or shadow, and waits until they do.

    Args:
        history: Where the change is.
        change: What has happened.
        before: What had the alias before.
        seconds: How long to wait.

    Returns:
        How many workers follow, and how many do not yet.

    Raises:
        RegistryError: One refused; the champion before is champion again.
    """
    name, alias = change.model, change.alias
    assert alias is not None
    try:
        standing = history.publish().standing(name, alias)
    except RegistryError as error:
        raise RegistryError(
            f"{change.after} has become {alias} in the history, but no server knows before the "
            f"next command of the registry: {error}"
        ) from error
    if standing is None or standing.tag != change.after:
        return 0, 0
    deadline = time.monotonic() + seconds
    while True:
        states = [one for server in server_folders(home_folder()) for one in server.states(name)]
        found = [_found(state, alias, standing) for state in states]
        if reason := next(filter(None, found), None):
            _refused(history, alias, standing, before, reason)
        late = found.count(None)
        if not late or time.monotonic() >= deadline:
            break
        time.sleep(_LOOK_SECONDS)
    if late and seconds:
        print(
            f"{change.after} is {alias}, but {late} of {len(states)} workers have not followed "
            f"within {seconds:g} s; their log says why.",
            file=sys.stderr,
        )
    return len(states) - late, late


def _found(state: ModelState, alias: Alias, standing: Standing) -> str | None:
    """Returns why a worker does not follow: empty if it does, None if it has not yet."""
    told = state.target if alias == CHAMPION else state.beside.get(alias)
    if told is None or told.event < standing.event:
        return None
    if isinstance(told, BesideState):
        return told.reason
    if state.state == "LOADING":
        return None
    return state.reason if state.state == "UNAVAILABLE" else ""


def _refused(
    history: History, alias: Alias, standing: Standing, before: Standing | None, reason: str
) -> NoReturn:
    if alias == CHAMPION:
        _take_back(history, standing, before, reason)
    raise RegistryError(
        f"{standing.tag} is {alias}, but a server refuses it: {reason} The champion goes on; "
        f"`promote {standing.tag} --as {alias} --share 0` ends it."
    )


def _take_back(
    history: History, champion: Standing, before: Standing | None, reason: str
) -> NoReturn:
    if before is None:
        raise RegistryError(f"A server refuses {champion.tag}, the first champion: {reason}")
    known = history.events(champion.tag.partition(":")[0])
    files = next(one.change.files for one in reversed(known) if one.change.after == before.tag)
    told = f"a server refused {champion.tag}: {reason}"
    history.move(Change("withdraw", CHAMPION, before.tag, files, told), champion)
    history.publish()
    raise RegistryError(f"{before.tag} is champion again, because {told}")
