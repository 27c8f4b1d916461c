"""Whether the gate lets a version become champion, by the reports that the history holds."""

from collections.abc import Iterable

from pydantic import ValidationError

from framework.card import CARD_FILE
from framework.gate import GateReport
from registry.events import Event


def newest_report(events: Iterable[Event], tag: str) -> GateReport | None:
    """Returns what the gate has found last of a version; None if it was never asked."""
    found = [
        event.change.gate
        for event in events
        if event.change.after == tag and event.change.gate is not None
    ]
    try:
        return GateReport.model_validate(found[-1]) if found else None
    except ValidationError:
        # Of another version of this program: as good as none.
        return None


def objection(
    events: Iterable[Event], tag: str, champion: str, report: GateReport | None
) -> str | None:
    """Returns why the gate does not let a version become champion; None if it does.

    Args:
        events: The history of the model.
        tag: The version.
        champion: Tag of the present champion.
        report: What was found last of the version.
    """
    again = f"python -m registry gate {tag}"
    if report is None:
        found = f"has not been compared with {champion}, the champion"
        advice = f"run `{again}`"
    elif report.champion != champion:
        found = f"was compared with {report.champion}, but {champion} is the champion now"
        advice = f"run `{again}`"
    elif report.champion_sha256 not in _cards(events, champion):
        found = f"was compared with another {champion} than this registry has"
        advice = f"run `{again}`"
    elif not report.passed:
        found = f"has not passed the gate against {champion}: {report.summary}"
        advice = f"train a better one, or run `{again} --data FILE` to compare them on other rows"
    else:
        return None
    return (
        f"{tag} {found}. It stays what it is: {advice}; or promote it all the same by --force "
        "--reason WHY, which the history keeps."
    )


def _cards(events: Iterable[Event], tag: str) -> set[str | None]:
    return {event.change.files.get(CARD_FILE) for event in events if event.change.after == tag}
