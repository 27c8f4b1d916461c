"""One training run: load, validate, fit, measure, report, store."""

from pathlib import Path
from typing import Any

import bentoml
import numpy as np

from framework.card import DataSummary
from framework.evaluation import best_threshold
from framework.fitting import Examples
from framework.model import Model
from framework.refusal import ModelRefusedError
from framework.tasks import Binary
from training import data as tables
from training import rows, store
from training.data import Table
from training.errors import TrainingError
from training.gate.candidate import Champion
from training.held_out import RECORDED, HeldOut, digest_of, with_recorded
from training.learnt import hashes_of
from training.progress import bar
from training.report import staged_report
from training.result import measured
from training.rows import Rows
from training.split import Split, split

MAX_SEED = 2**31 - 1
# Where nothing says from which probability on it is a yes.
EVEN = 0.5


def train(
    model: Model[Any, Any],
    *,
    data: str | Table | None = None,
    holdout: str | None = None,
    time: str | None = None,
    recorded: Rows | None = None,
    seed: int = 0,
    tag: str | None = None,
    report: Path | None = None,
) -> bentoml.Model:
    """Trains a model and stores it, with its card and report, in BentoML's model store.

    Args:
        model: The model.
        data: Path or http(s) URL of a CSV or Parquet file, or what was read of one; the model's own
            source if not given.
        holdout: Path or URL of a file for the final test; a split of the data if not given.
        time: Name of the column that tells when each row was observed: the newest fifth tests.
        recorded: Further rows, the oldest first: the older half is learnt from, the newer tests.
        seed: Seed of the splits and the fit.
        tag: Version to store it under, or `name:version`; a new one if not given.
        report: Where the report is to be written besides the store.

    Returns:
        The stored model.

    Raises:
        TrainingError: Something given cannot be used; nothing has been stored.
    """
    if not 0 <= seed <= MAX_SEED:
        raise TrainingError(f"seed {seed} is out of range; allowed: 0 to {MAX_SEED}.")
    if holdout is not None and data is None:
        raise TrainingError("A hold-out goes with the data to train on; give that too (--data).")
    if sum(one is not None for one in (holdout, time, recorded)) > 1:
        raise TrainingError(
            "A hold-out, a column of the time and recorded rows each say which rows test: give one "
            "of them."
        )
    new = store.prepare(model.name, tag)
    champion = champion_of(model)
    with staged_report(report) as write:
        table = data if isinstance(data, Table) else tables.table_of(model, data)
        read = rows.read(model, table, time=time)
        held = None if holdout is None else HeldOut.of_file(model, read, holdout)
        if recorded is not None:
            read, held = with_recorded(read, recorded)
        parts = split(
            model, read, None if held is None else held.rows, source=table.source, seed=seed
        )
        train_, test = parts.train.examples(model), parts.test.examples(model)
        validation = None if parts.validation is None else parts.validation.examples(model)
        try:
            fitted = model.fit(train_, validation, seed, bar)
        # What a model's own code, or the library below it, cannot fit is said in its words.
        except (ModelRefusedError, ValueError) as error:
            raise TrainingError(f"{table.source}: cannot be fitted: {error}") from error
        threshold, chosen = _threshold(model, fitted.estimator, validation)
        trained = measured(
            model,
            fitted,
            test,
            tag=str(new),
            reference=train_,
            learnt=hashes_of(*(one.records for one in (train_, validation) if one is not None)),
            data=_summary(table, read, held, parts),
            seed=seed,
            threshold=threshold,
            parameters={
                "holdout": held and held.source,
                "holdout_sha256": held and held.sha256,
                "time": time,
                **({} if recorded is None else {RECORDED: digest_of(recorded)}),
            },
            notes=[*_notes(read, held, parts), *chosen],
        )
        judged = trained.against_champion(model, str(new), champion, held or table, parts.test)
        return store.save(new, judged, write)


def champion_of(model: Model[Any, Any]) -> Champion | None:
    """Returns the version that a new one is to be better than, if there is one.

    Raises:
        TrainingError: Nobody knows, because the registry's pointer cannot be read.
    """
    try:
        return Champion.serving(model.name)
    except ModelRefusedError as error:
        raise TrainingError(str(error)) from error


def _threshold(
    model: Model[Any, Any], estimator: Any, validation: Examples | None
) -> tuple[float | None, list[str]]:
    """Returns the decision threshold of a binary model, and a sentence if it was chosen."""
    if not isinstance(model.task, Binary):
        return None, []
    if model.task.threshold is not None or validation is None:
        return EVEN if model.task.threshold is None else model.task.threshold, []
    chosen = best_threshold(
        validation.target.astype(np.bool_), model.scores(estimator, validation.features)
    )
    return chosen, ["The decision threshold was chosen on the validation rows."]


def _summary(table: Table, read: Rows, held: HeldOut | None, parts: Split) -> DataSummary:
    return DataSummary(
        source=table.source,
        kind=table.kind,
        sha256=table.sha256,
        rows=len(read),
        distinct_rows=parts.distinct,
        train_rows=len(parts.train),
        # Cross-validation takes no rows away from training.
        validation_rows=0 if parts.validation is None else len(parts.validation),
        test_rows=len(parts.test),
        holdout_rows=None if held is None else len(held.rows),
    )


def _notes(read: Rows, held: HeldOut | None, parts: Split) -> list[str]:
    notes = []
    if held is not None:
        notes.append(
            f"Tested on {held.source} (SHA-256 {held.sha256[:12]}…); {parts.shared:,} of "
            "the rows of the data were also there and were not trained on."
        )
    if parts.test.times is not None:
        notes.append("The test rows are the newest.")
    return [
        *notes,
        f"{len(read) - parts.distinct:,} exact duplicates were removed before splitting, so no "
        "held-out row was seen in training. In this run the test rows served only for the "
        "numbers above.",
    ]
