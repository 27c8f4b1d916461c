"""The commands that give an alias to a version."""

import argparse
from dataclasses import dataclass

import bentoml

from framework.gate import GateReport
from framework.pointer import CHAMPION, SHARED, Alias, Pointer
from registry.commands import Answer, Registry
from registry.errors import RegistryError
from registry.events import Action, Change
from registry.gating import newest_report, objection
from registry.rollout import roll_out
from registry.versions import find_version, require_fit


@dataclass(frozen=True)
class Wish:
    """What somebody wants a version to become.

    Attributes:
        reason: Why, for the history; may be empty.
        wait: Seconds that servers may take.
        alias: The alias.
        share: Share of the live requests that it is to get, as shadow or canary.
    """

    reason: str
    wait: float
    alias: Alias = CHAMPION
    share: float | None = None


def promote(registry: Registry, options: argparse.Namespace) -> Answer:
    """Makes a version champion, or gives it another alias, once it has shown that it may serve."""
    if options.force and not options.reason.strip():
        raise RegistryError("--force wants a reason, which the history keeps: --reason WHY.")
    _require_share(options.alias, options.share)
    wish = Wish(options.reason, options.wait, options.alias, options.share)
    return promote_version(registry, options.tag, wish, force=options.force)


def promote_version(registry: Registry, tag: str, wish: Wish, *, force: bool = False) -> Answer:
    """Gives a version an alias.

    Args:
        registry: The registry.
        tag: The version.
        wish: What it is to become.
        force: Whether the gate's word is not wanted.

    Raises:
        RegistryError: It is not to be had, or the gate does not let it answer callers.
        ModelRefusedError: It must not serve.
    """
    # Before the checks, which take their time: what is decided upon is what is there now.
    aliases = registry.history.aliases()
    stored = find_version(tag)
    champion = aliases.standing(stored.tag.name, CHAMPION)
    answers = wish.alias == CHAMPION or (wish.alias == "canary" and wish.share)
    if not answers or champion is None or champion.tag == str(stored.tag):
        return _move(registry, aliases, stored, "promote", wish)
    events = registry.history.events(stored.tag.name)
    report = newest_report(events, str(stored.tag))
    against = objection(events, str(stored.tag), champion.tag, report)
    if against and not force:
        raise RegistryError(against)
    return _move(registry, aliases, stored, "force" if against else "promote", wish, report)


def rollback(registry: Registry, options: argparse.Namespace) -> Answer:
    """Makes the previous version champion again; a second time, undoes it."""
    registry.model(options.model)
    aliases = registry.history.aliases()
    previous = aliases.standing(options.model, "previous")
    if previous is None:
        raise RegistryError(f"No version of {options.model} was champion before the present one.")
    wish = Wish(options.reason, options.wait)
    return _move(registry, aliases, find_version(previous.tag), "rollback", wish)


def _move(
    registry: Registry,
    aliases: Pointer,
    stored: bentoml.Model,
    action: Action,
    wish: Wish,
    report: GateReport | None = None,
) -> Answer:
    tag, name, alias = str(stored.tag), stored.tag.name, wish.alias
    model = registry.model(name)
    expected = aliases.standing(name, alias)
    files = require_fit(model, stored, registry.history.events(name))
    told = None if report is None else report.model_dump(mode="json")
    change = Change(action, alias, tag, files, wish.reason, told, wish.share)
    registry.history.move(change, expected)
    following = late = 0
    if alias in (CHAMPION, *SHARED):
        following, late = roll_out(registry.history, change, expected, wish.wait)
    before = expected.tag if expected else None
    data = {"model": name, "alias": alias, "from": before, "to": tag}
    columns = ("model", "alias", "from", "to", "workers that follow")
    row = (name, alias, before or "", tag, str(following))
    return Answer({**data, "workers": following}, columns, [row], refused=bool(late and wish.wait))


def _require_share(alias: Alias, share: float | None) -> None:
    if share is not None and (alias not in SHARED or not 0 <= share <= 1):
        raise RegistryError(f"--share, from 0 to 1, is for {' and '.join(SHARED)}.")
    if share is None and alias == "canary":
        raise RegistryError("A canary needs --share: of the requests, from 0 to 1.")
