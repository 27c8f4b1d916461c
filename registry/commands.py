"""The commands that tell of versions, and what every command works with and returns."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import JsonValue

from framework import Model, ModelCard, ModelRefusedError
from framework.adapters.bentoml import stored_versions
from framework.discovery import ModelNotFoundError
from framework.pointer import CHAMPION
from registry.errors import RegistryError
from registry.events import ALIASES, Change, Event, replay
from registry.gating import newest_report
from registry.history import History
from registry.versions import find_version, require_fit, require_known


@dataclass(frozen=True)
class Answer:
    """What a command tells.

    Attributes:
        data: All of it, for programs: what JSON can hold.
        columns: What a person is shown of each row.
        rows: The rows of it.
        refused: Whether something is not as it should be.
    """

    data: Any
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    refused: bool = False


@dataclass(frozen=True)
class Registry:
    """What the commands work with: the history, and the models there are, by name."""

    history: History
    models: Mapping[str, Model[Any, Any]]

    def model(self, name: str) -> Model[Any, Any]:
        """Returns a model.

        Raises:
            ModelNotFoundError: There is none of this name.
        """
        if name not in self.models:
            known = ", ".join(self.models) or "none"
            raise ModelNotFoundError(f"There is no model {name!r}; there are: {known}.")
        return self.models[name]


def list_models(registry: Registry, _: argparse.Namespace) -> Answer:
    """Shows the aliases of every model."""
    aliases = registry.history.aliases()
    rows = []
    for name in registry.models:
        standings = [aliases.standing(name, alias) for alias in ALIASES]
        since = standings[0].since.isoformat(timespec="seconds") if standings[0] else ""
        tags = [standing.tag.partition(":")[2] if standing else "" for standing in standings]
        rows.append((name, tags[0], since, *tags[1:]))
    data = aliases.model_dump(mode="json")["models"]
    return Answer(data, ("model", CHAMPION, "since", *ALIASES[1:]), rows)


def show(registry: Registry, options: argparse.Namespace) -> Answer:
    """Shows the versions of a model: what each is, and what it was worth on held-out rows."""
    registry.model(options.model)
    events = registry.history.events(options.model)
    aliases = replay(events).models.get(options.model, {})
    data, rows = [], []
    for stored in reversed(stored_versions(options.model)):
        tag = str(stored.tag)
        held = {one: standing for one, standing in aliases.items() if standing.tag == tag}
        created = stored.creation_time.isoformat(timespec="seconds")
        report = newest_report(events, tag)
        metrics = cast(dict[str, float], stored.info.metadata.get("metrics", {}))
        data.append(
            {
                "tag": tag,
                "created": created,
                "aliases": {one: held[one].model_dump(mode="json") for one in held},
                "metrics": metrics,
                "gate": None if report is None else report.model_dump(mode="json"),
            }
        )
        measured = ", ".join(f"{name} {value:.6g}" for name, value in metrics.items())
        verdict = f"{report.verdict}: {report.summary}" if report else ""
        named = ", ".join(_shared(one, held[one].share) for one in held)
        rows.append((tag, created, named, measured, verdict))
    return Answer(data, ("version", "stored", "aliases", "held-out metrics", "gate"), rows)


def history(registry: Registry, options: argparse.Namespace) -> Answer:
    """Shows what happened to a model: who did what, when and why."""
    registry.model(options.model)
    events = registry.history.events(options.model)
    rows = [
        (
            str(event.number),
            event.moment.isoformat(timespec="seconds"),
            event.who,
            event.change.action,
            _shared(event.change.alias or "", event.change.share),
            event.before or "",
            event.change.after,
            event.change.reason,
        )
        for event in events
    ]
    columns = ("event", "time", "who", "action", "alias", "from", "to", "reason")
    return Answer([_told(event) for event in events], columns, rows)


def gate(registry: Registry, options: argparse.Namespace) -> Answer:
    """Compares a version with the champion, on rows that neither has learnt from."""
    # A second of imports, which no other command needs.
    from training import TrainingError
    from training.gate.candidate import Champion
    from training.gate.judge import judge_stored

    stored = find_version(options.tag)
    tag, name = str(stored.tag), stored.tag.name
    model = registry.model(name)
    champion = registry.history.aliases().standing(name, CHAMPION)
    if champion is None or champion.tag == tag:
        there = "is the champion" if champion else f"has no champion of {name} beside it"
        raise RegistryError(f"{tag} {there}; there is nothing to compare it with.")
    files = require_known(stored, registry.history.events(name))
    try:
        report = judge_stored(model, stored, Champion.named(champion.tag), options.data)
    except TrainingError as error:
        raise RegistryError(str(error)) from error
    told = report.model_dump(mode="json")
    registry.history.note(Change("gate", None, tag, files, gate=told))
    rows = [
        (check.name, "passed" if check.passed else "refused", check.sentence)
        for check in report.checks
    ]
    return Answer(told, ("check", "", "finding"), rows, refused=not report.passed)


def verify(registry: Registry, options: argparse.Namespace) -> Answer:
    """Checks files, framework and golden examples of every version that the history knows."""
    names = [registry.model(options.model).name] if options.model else list(registry.models)
    data, rows = [], []
    for name in names:
        events = registry.history.events(name)
        for tag in dict.fromkeys(event.change.after for event in events):
            problem = _problem_of(registry.models[name], tag, events)
            data.append({"tag": tag, "problem": problem or None})
            rows.append((tag, problem or "as stored, and reproduces its golden examples"))
    refused = any(one["problem"] for one in data)
    return Answer(data, ("version", "finding"), rows, refused=refused)


def diff(registry: Registry, options: argparse.Namespace) -> Answer:
    """Shows in what the cards of two versions differ."""
    cards = [_flat(_card(registry, tag)) for tag in (options.first, options.second)]
    first, second = cards
    differing = sorted(key for key in first.keys() | second if first.get(key) != second.get(key))
    data = {key: [first.get(key), second.get(key)] for key in differing}
    rows = [(key, *(_brief(card.get(key)) for card in cards)) for key in differing]
    return Answer(data, ("", options.first, options.second), rows)


def _shared(alias: str, share: float | None) -> str:
    return alias if share is None else f"{alias} {share:g}"


def _problem_of(model: Model[Any, Any], tag: str, events: list[Event]) -> str:
    try:
        require_fit(model, find_version(tag), events)
    except (ModelRefusedError, RegistryError) as error:
        return str(error)
    return ""


def _told(event: Event) -> dict[str, JsonValue]:
    change = event.change
    return {
        "event": event.number,
        "time": event.moment.isoformat(),
        "who": event.who,
        "action": change.action,
        "alias": change.alias,
        "from": event.before,
        "to": change.after,
        "reason": change.reason,
        "gate": change.gate,
        "share": change.share,
        "files": {**change.files},
    }


def _card(registry: Registry, tag: str) -> dict[str, Any]:
    stored = find_version(tag)
    registry.model(stored.tag.name)
    # Examples and counts of rows differ wherever the data do.
    return ModelCard.read(stored).model_dump(
        mode="json", exclude={"golden", "profile", "target_profile", "reference"}
    )


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _brief(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
