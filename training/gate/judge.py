"""The judgement: every check of the gate, and the report of all."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

import bentoml
import numpy as np

from framework.bundle import Bundle
from framework.evaluation import Evaluation, evaluate
from framework.fitting import Examples
from framework.gate import Check, Cost, GateReport
from framework.model import Model
from framework.refusal import ModelRefusedError
from training.data import Origin, table_of
from training.gate.candidate import Candidate, Champion
from training.gate.comparison import LEAST_ROWS, Comparison, compare, too_few
from training.learnt import hashes_of
from training.rows import Rows, read

_WARMING, _TIMED = 3, 51


def judge(
    model: Model[Any, Any], challenger: Candidate, champion: Champion, origin: Origin, rows: Rows
) -> GateReport:
    """Compares a version with the champion, on the rows that neither has learnt from.

    Args:
        model: The model.
        challenger: The version.
        champion: The champion.
        origin: Where the rows came from.
        rows: Rows whose truth is known.
    """
    costs = {"challenger": _cost(challenger)}
    checks = [_known(challenger), _golden(challenger), *_within_budget(model, costs["challenger"])]
    try:
        loaded = champion.load(model)
    except ModelRefusedError as error:
        sentence = f"there is no comparing it with the champion: {str(error).rstrip('.')}"
        failed = Check(name="champion", passed=False, sentence=sentence)
        found = Comparison(0, "", [], [failed])
    else:
        costs["champion"] = _cost(loaded)
        untouched = _untouched(rows, [challenger, loaded])
        if len(untouched) < LEAST_ROWS:
            found = too_few(len(untouched), champion.tag)
        else:
            examples = untouched.examples(model)
            new, old = (_answered(one.bundle, examples) for one in (challenger, loaded))
            found = compare(new, old, champion.tag)
    return GateReport(
        champion=champion.tag,
        champion_sha256=champion.sha256,
        time=datetime.now(UTC),
        data=origin.source,
        data_sha256=origin.sha256,
        rows=found.rows,
        loss=found.loss,
        parts=found.parts,
        costs=costs,
        checks=[*found.checks, *checks],
    )


def judge_stored(
    model: Model[Any, Any], stored: bentoml.Model, champion: Champion, data: str | None = None
) -> GateReport:
    """Compares a stored version with the champion; see `judge`.

    Args:
        model: The model.
        stored: The version.
        champion: The champion.
        data: Path or http(s) URL of the rows; those that the version was made of if not given.

    Raises:
        ModelRefusedError: The version must not serve.
        TrainingError: The rows cannot be read.
    """
    challenger = Candidate.of(model, stored)
    card = challenger.bundle.card
    if data is None and card.data.kind == "file":
        data = card.data.source
    table = table_of(model, data)
    return judge(model, challenger, champion, table, read(model, table, classes=card.classes))


def _untouched(rows: Rows, versions: Sequence[Candidate]) -> Rows:
    """Returns distinct rows whose records no version has learnt from, as far as is known."""
    distinct = rows.distinct()
    hashes = hashes_of(distinct.records)
    kept = np.ones(len(distinct), dtype=np.bool_)
    for version in versions:
        if version.learnt is not None:
            kept &= ~np.isin(hashes, version.learnt)
    return distinct.take(np.flatnonzero(kept))


def _answered(bundle: Bundle[Any, Any], examples: Examples) -> Evaluation:
    return evaluate(bundle.model, bundle.card, bundle.estimator, examples)


def _cost(version: Candidate) -> Cost:
    bundle = version.bundle
    text = json.dumps(bundle.card.golden[0].record)
    record = [bundle.model.record.model_validate_json(text)]
    taken = []
    for _ in range(_WARMING + _TIMED):
        # CPU time: other load of the machine is no fault of the model's.
        began = time.process_time_ns()
        bundle.predict(record)
        taken.append((time.process_time_ns() - began) / 1e6)
    return Cost(milliseconds=median(taken[_WARMING:]), megabytes=version.size / 1e6)


def _known(challenger: Candidate) -> Check:
    if challenger.learnt is not None:
        sentence = "the rows that it has learnt from are known, and left out"
    else:
        sentence = (
            "nobody knows which rows it has learnt from, so that the comparison may flatter it"
        )
    return Check(name="untouched", passed=challenger.learnt is not None, sentence=sentence)


def _golden(challenger: Candidate) -> Check:
    try:
        challenger.bundle.require_golden()
    except ModelRefusedError as error:
        return Check(name="golden", passed=False, sentence=str(error).rstrip("."))
    return Check(name="golden", passed=True, sentence="it reproduces its golden examples")


def _within_budget(model: Model[Any, Any], cost: Cost) -> list[Check]:
    budget = model.budget
    return [
        Check(
            name="latency",
            passed=cost.milliseconds <= budget.milliseconds,
            sentence=f"a record takes {cost.milliseconds:.3g} ms of CPU time, of "
            f"{budget.milliseconds:g} ms allowed",
        ),
        Check(
            name="size",
            passed=cost.megabytes <= budget.megabytes,
            sentence=f"its files take {cost.megabytes:.3g} MB, of {budget.megabytes:g} MB allowed",
        ),
    ]
