"""`python -m registry retrain`: trains again when enough has become known of what was answered."""

import argparse
import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from framework import Model, ModelCard, ModelRefusedError
from framework.adapters.bentoml import stored_versions
from framework.gate import GateReport
from framework.pointer import CHAMPION
from framework.records import Records
from monitoring.observed import Observed, complete, not_kept, positions_of, records_of
from monitoring.options import label_store_of, record_of
from monitoring.performance.truth import labelled
from monitoring.store import Store
from registry.commands import Answer, Registry
from registry.errors import NothingToDoError, RegistryError
from registry.promotion import Wish, promote_version
from registry.versions import enter_new, find_version

if TYPE_CHECKING:
    from training.rows import Rows

MIN_LABELLED = 200


def retrain(registry: Registry, options: argparse.Namespace) -> Answer:
    """Trains a model on its champion's data and what was recorded and labelled since."""
    # A second of imports, which no other command needs.
    from training import TrainingError, train
    from training.data import table_of
    from training.learnt import learnt_of, unknown_to

    if options.least < MIN_LABELLED:
        raise RegistryError(
            f"--least {options.least} is out of range; allowed: {MIN_LABELLED} or more, as the "
            "gate compares on half of the rows, and tells nothing by fewer than "
            f"{MIN_LABELLED // 2}."
        )
    model = registry.model(options.model)
    champion = registry.history.aliases().standing(model.name, CHAMPION)
    if champion is None:
        raise RegistryError(
            f"{model.name} has no champion whose data could be learnt again: train it first, "
            f"`python -m training {model.name}`."
        )
    stored = find_version(champion.tag)
    card = ModelCard.read(stored)
    recorded = _recorded(model, card, options)
    count = unknown_to(learnt_of(stored), recorded.records)
    if count < options.least:
        raise NothingToDoError(
            f"{count:,} recorded rows with a label are distinct and new to {champion.tag}, and "
            f"{options.least:,} are wanted (--least): nothing was trained."
        )
    data = options.data or (card.data.source if card.data.kind == "file" else None)
    try:
        table = table_of(model, data)
        _require_news(model.name, champion.tag, table.sha256, recorded)
        made = train(model, data=table, recorded=recorded, seed=card.seed)
    except TrainingError as error:
        raise RegistryError(f"{error}\nNothing was stored for {model.name}.") from error
    enter_new(registry.history, registry.models)
    return _told(registry, options, str(made.tag), len(recorded), GateReport.of(made))


def _require_news(name: str, champion: str, sha256: str, rows: "Rows") -> None:
    """Makes sure that no version was made of the same by the same code, and compared.

    Raises:
        NothingToDoError: One was.
    """
    from training.held_out import RECORDED, digest_of
    from training.result import git_commit

    wanted = (sha256, digest_of(rows), git_commit(), champion)
    for stored in stored_versions(name):
        # One that is damaged is no reason not to make another.
        with contextlib.suppress(ModelRefusedError):
            card, report = ModelCard.read(stored), GateReport.of(stored)
            made = (card.data.sha256, card.parameters.get(RECORDED), card.git_commit)
            if report and (*made, report.champion) == wanted:
                # By a person: it may be one that was champion, and was rolled back.
                advice = f" `promote {stored.tag}` makes it champion." if report.passed else ""
                raise NothingToDoError(
                    f"Nothing is new since {stored.tag} was made of the same data and labels; the "
                    f"gate has {report.verdict} it against {champion}: {report.summary}. Nothing "
                    f"was trained.{advice}"
                )


def _told(
    registry: Registry, options: argparse.Namespace, tag: str, rows: int, report: GateReport | None
) -> Answer:
    assert report is not None, "there is a champion"
    if promoted := options.auto and report.passed:
        promote_version(registry, tag, Wish(f"retrained on {rows} rows", options.wait))
    alias = CHAMPION if promoted else "challenger"
    data = {
        "tag": tag,
        "alias": alias,
        "labelled_rows": rows,
        "gate": report.model_dump(mode="json"),
    }
    found = f"{report.verdict}: {report.summary}"
    columns = ("version", "alias", "labelled rows", "gate")
    return Answer(data, columns, [(tag, alias, f"{rows:,}", found)], refused=not report.passed)


def _recorded(model: Model[Any, Any], card: ModelCard, options: argparse.Namespace) -> "Rows":
    """Returns the distinct rows of the record that have a label, the oldest first.

    Raises:
        RegistryError: Their records are not in the record as they were.
    """
    from training.rows import Rows

    store = Store(record_of(options))
    labels = label_store_of(options).labels(model.name)
    inputs = [f"input.{field.name}" for field in model.encoder.fields]
    parts = []
    for version in store.versions(model.name):
        table = store.rows(model.name, version, since=options.since, columns=inputs)
        if lacking := sorted(not_kept(model, table.column_names)):
            raise RegistryError(
                f"The record {store.folder} lacks {', '.join(lacking)} of the records of "
                f"{model.name} that {version} answered: hashed, left out (`Recorded`), or not "
                "asked for then. What is not there cannot be learnt; --since leaves out older rows."
            )
        whole = complete(model, table)
        records, positions = records_of(model, whole), positions_of(whole)
        parts.append(labelled(Observed(model, card, records, {}, positions, frozenset()), labels))
    if not any(len(part.rows) for part in parts):
        raise NothingToDoError(
            f"The record {store.folder} has no rows of {model.name} with a label: nothing was "
            f"trained. Has it been converted (`python -m monitoring convert`)?"
        )
    parts = [part for part in parts if len(part.rows)]
    joined: Records[Any] = Records.joined([part.rows.records for part in parts])
    truth = np.concatenate([part.truth for part in parts])
    times = np.array([one.time / 1e6 for part in parts for one in part.rows.positions])
    rows = Rows(joined, truth, tuple(card.classes), times)
    return rows.take(np.argsort(times, kind="stable")).distinct()
