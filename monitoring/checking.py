"""A check of one version of a model: drift, refusals, and what the answers were worth."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import bentoml
import numpy as np
import pyarrow as pa
from bentoml.exceptions import BentoMLException

from framework.card import ModelCard
from framework.model import Model
from monitoring.drift.history import History, Judged
from monitoring.drift.verdict import State, Window, judge, state_of
from monitoring.drift.windows import DEFAULT_SIZES, Sizes, Waiting, new_windows
from monitoring.errors import MonitoringError
from monitoring.observed import Observed, observed, wanted_columns
from monitoring.performance.measures import MARGIN, measures
from monitoring.performance.truth import labelled
from monitoring.result import Drift, Performance, Refused, Result
from monitoring.store import Store

LOOK_BACK = 100_000
"""Most rows that a check reads, the newest."""

MOST_PLACES = 10
CLOCKS = timedelta(hours=1)
"""By which the clocks of servers may differ."""

Labels = Callable[[datetime | None], pa.Table]
# The number of a row or of a value in a list, which matters to its sender alone.
_ROW = re.compile(r"\.[0-9]+(?![^.])")


def check(
    store: Store,
    model: Model[Any, Any],
    version: str | None = None,
    *,
    labels: Labels | None = None,
    sizes: Sizes = DEFAULT_SIZES,
    margin: float = MARGIN,
) -> Result:
    """Checks one version of a model.

    Args:
        store: The record.
        model: The model.
        version: Of its tag; the one that answered last if not given.
        labels: Returns what became true, of rows since a time: columns `prediction_id`, `row`,
            `label` and `time`.
        sizes: How many rows make a window.
        margin: A metric may be worse than the card's by this share of it.

    Raises:
        MonitoringError: There is no such version, or the record cannot be used.
        ModelRefusedError: The stored model fits this code no more.
    """
    version = version or _last_version(store, model.name)
    card = card_of(model, version)
    columns = wanted_columns(model, card)
    table = store.rows(model.name, version, columns=columns, newest=LOOK_BACK)
    rows = observed(model, card, table)
    since = datetime.fromtimestamp(rows.positions[0].time / 1e6, UTC) if len(rows) else None
    told = None if labels is None else labels(None if since is None else since - CLOCKS)
    return Result(
        model=model.name,
        version=version,
        checked_at=datetime.now(UTC),
        rows=len(rows),
        incomplete=rows.incomplete,
        left_out=sorted(rows.left_out),
        drift=_drift(History.of(store.folder, model.name, version), rows, sizes),
        refused=refused_of(store.failed(model.name, since=since)),
        performance=_performance(rows, told, margin) if told is not None and len(told) else None,
    )


def card_of(model: Model[Any, Any], version: str) -> ModelCard:
    """Returns the card of a stored version, which must fit the model's code.

    Raises:
        MonitoringError: It is not in the model store.
        ModelRefusedError: It has no card that can be read, or fits this code no more.
    """
    tag = f"{model.name}:{version}"
    try:
        stored = bentoml.models.get(tag)
    except BentoMLException as error:
        raise MonitoringError(
            f"Model {tag} is not in the model store, but its card is needed: what it was measured "
            "on is there. Import it, or name another version (--version)."
        ) from error
    card = ModelCard.read(stored)
    categories = model.encoder.categories.items()
    named = {name: [str(value) for value in values] for name, values in categories}
    card.require_compatible(tag, model.feature_names, named)
    return card


def refused_of(failed: pa.Table) -> Refused:
    """Counts requests that failed by their code and by the place of the first problem."""
    codes = Counter(failed["code"].to_pylist() if "code" in failed.column_names else [])
    places: Counter[str] = Counter()
    if {"place", "type"} <= set(failed.column_names):
        pairs = zip(failed["place"].to_pylist(), failed["type"].to_pylist(), strict=True)
        places.update(f"{_ROW.sub('.*', place)}: {kind}" for place, kind in pairs if place)
    return Refused(
        requests=len(failed),
        by_code={str(code): count for code, count in codes.most_common()},
        by_place=dict(places.most_common(MOST_PLACES)),
    )


def _last_version(store: Store, model: str) -> str:
    versions = store.versions(model)
    if not versions:
        known = ", ".join(store.models()) or "none"
        raise MonitoringError(
            f"{store.folder} has no rows of {model} (models with rows: {known}). Has the record "
            "been converted (`python -m monitoring convert`)?"
        )
    return versions[-1]


def _drift(history: History, rows: Observed, sizes: Sizes) -> Drift:
    reference = rows.card.reference
    if reference is None:
        name = rows.model.name
        return Drift(
            state="unknown",
            sentence="No verdict: the model was stored without counts of held-out rows. Train it "
            f"again (`python -m training {name}`), or import it again, and serve that.",
            judged=0,
            waiting=0,
            windows=[],
        )
    with history.held():
        judged = history.read()
        windows = list(judged.windows)
        last = windows[-1] if windows else None
        fresh, waiting = new_windows(rows, last, judged.known, sizes)
        if fresh:
            windows += [judge(window, reference) for window in fresh]
            history.keep(Judged(windows=windows, known=frozenset(fresh[-1].hashes())))
    state = state_of(windows)
    return Drift(
        state=state,
        sentence=_sentence(state, windows, waiting, sizes),
        judged=len(fresh),
        waiting=waiting.distinct,
        windows=windows,
    )


def _sentence(state: State, windows: Sequence[Window], waiting: Waiting, sizes: Sizes) -> str:
    if state == "unknown":
        return (
            f"No verdict: {waiting.distinct:,} distinct records of {waiting.rows:,} rows are too "
            f"few; {sizes.least:,} are needed."
        )
    culprits = ", ".join(one.column for one in windows[-1].drifted)
    found = {
        "steady": f"Steady: no column of the last {windows[-1].rows:,} distinct records differs "
        "from the held-out rows by more than chance explains.",
        "suspected": f"Suspected: {culprits}. Another window of other rows will tell.",
        "alarm": f"Alarm: {culprits}. Two windows in a row differ from the held-out rows.",
    }[state]
    if not waiting.distinct:
        return found
    return f"{found} {waiting.distinct:,} distinct records have come since."


def _performance(rows: Observed, labels: pa.Table, margin: float) -> Performance:
    known = labelled(rows, labels)
    found = measures(known, margin) if len(known.rows) else []
    delays = known.delays
    worse = [f"{one.metric} ({one.part})" for one in found if one.worse]
    share = len(known.rows) / max(len(rows), 1)
    sentence = f"{len(known.rows):,} of {len(rows):,} rows have a label ({share:.0%})."
    if worse:
        sentence += f" Worse than the card promises: {', '.join(worse)}."
    elif any(one.limit is not None for one in found):
        sentence += " Nothing is worse than the card promises."
    else:
        sentence += " Too few to judge."
    return Performance(
        sentence=sentence,
        answered=len(rows),
        labelled=len(known.rows),
        unfit=known.unfit,
        elsewhere=known.elsewhere,
        newest_label=known.newest,
        median_delay_seconds=float(np.median(delays)) if len(delays) else None,
        longest_delay_seconds=float(np.quantile(delays, 0.95)) if len(delays) else None,
        measures=found,
    )
