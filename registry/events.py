"""Events, and the aliases that follow from them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from pydantic import JsonValue

from framework.pointer import CHAMPION, Alias, Pointer, Standing

Action = Literal["register", "gate", "promote", "force", "rollback", "withdraw"]
"""What somebody does: `force` is a promotion that the gate had not allowed."""

ALIASES: tuple[Alias, ...] = get_args(Alias)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Change:
    """What is to happen.

    Attributes:
        action: What somebody does.
        alias: What a version becomes; None if it only becomes known.
        after: Tag of that version.
        files: Its files → SHA-256.
        reason: Why, in a person's words; may be empty.
        gate: Report of the gate that came with the version or was asked for now, or that a
            promotion relied on or went against.
        share: Share of the live requests that a shadow or canary gets.
    """

    action: Action
    alias: Alias | None
    after: str
    files: dict[str, str]
    reason: str = ""
    gate: JsonValue = None
    share: float | None = None

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.after.partition(":")[0]


@dataclass(frozen=True)
class Event:
    """What happened.

    Attributes:
        number: Its number in the history; later ones have higher numbers.
        time: Microseconds since 1970.
        who: User and host.
        before: Tag of the version that had the alias until then.
        change: All else.
    """

    number: int
    time: int
    who: str
    before: str | None
    change: Change

    @property
    def moment(self) -> datetime:
        """When it happened, in UTC."""
        return _EPOCH + timedelta(microseconds=self.time)


def replay(events: Iterable[Event]) -> Pointer:
    """Returns the aliases that a history leads to."""
    models: dict[str, dict[Alias, Standing]] = {}
    earlier: dict[str, dict[Alias, Standing]] = {}
    for event in events:
        change = event.change
        if change.alias is None:
            continue
        if change.action == "withdraw":
            # As if what is taken back had never been; whatever has happened since stays.
            now = models[change.model]
            since = {one: held for one, held in now.items() if held.event != now[CHAMPION].event}
            back = {**earlier[change.model], **since, change.alias: _standing(change.after, event)}
            models[change.model] = back
            continue
        aliases = models.setdefault(change.model, {})
        champion = aliases.get(CHAMPION)
        if change.alias == CHAMPION:
            earlier[change.model] = dict(aliases)
        if change.alias == CHAMPION and champion is not None:
            aliases["previous"] = _standing(champion.tag, event)
        if change.alias == CHAMPION:
            # Whatever it was before, it is nothing else now.
            others = [one for one in aliases if aliases[one].tag == change.after]
            for one in others:
                del aliases[one]
        aliases[change.alias] = _standing(change.after, event, change.share)
    ordered = {
        name: {alias: aliases[alias] for alias in ALIASES if alias in aliases}
        for name, aliases in sorted(models.items())
    }
    return Pointer(models=ordered)


def _standing(tag: str, event: Event, share: float | None = None) -> Standing:
    return Standing(tag=tag, since=event.moment, event=event.number, share=share)
