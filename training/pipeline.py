"""One training run: load, validate, fit, measure, report, store."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import bentoml

from training import attrition, simulation, store, topics
from training.data import load
from training.errors import TrainingError
from training.report import render

ModelName = Literal["attrition", "topics"]
MAX_SEED = 2**31 - 1


def train(
    name: ModelName,
    *,
    data: str | None = None,
    holdout: str | None = None,
    seed: int = 0,
    tag: str | None = None,
    report: Path | None = None,
) -> bentoml.Model:
    """Trains one model and stores it, with its card and report, in BentoML's model store.

    Args:
        name: Which model.
        data: Path or http(s) URL of a CSV or Parquet file; a simulation if not given.
        holdout: The same for the final test of `topics`; a split of the data if not given.
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
    if holdout is not None and (name != "topics" or data is None):
        raise TrainingError("A holdout is for topics, together with the data to train on.")
    new = store.new_tag(name, tag)
    with _staged(report) as staged:
        if name == "attrition":
            table = simulation.attrition() if data is None else load(data)
            trained = attrition.fit(table, seed=seed, tag=str(new))
        else:
            table = simulation.topics() if data is None else load(data)
            held_out = None if holdout is None else load(holdout)
            trained = topics.fit(table, held_out, seed=seed, tag=str(new))
        page = render(str(new), trained)
        if staged is not None:
            staged.write_text(page, encoding="utf-8")
        return store.save(new, trained.card, trained.files, page)


@contextmanager
def _staged(target: Path | None) -> Iterator[Path | None]:
    """Gives a file beside `target` to write to, and puts it in its place if all went well.

    It is made before the work begins, so that a folder that cannot be written is known early.
    """
    if target is None:
        yield None
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise TrainingError(f"{target}: the report cannot be written: {error.strerror}.") from error
    os.close(handle)
    staged = Path(name)
    # A temporary file is for its owner only; a report is for whoever may read its folder.
    staged.chmod(0o644)
    try:
        yield staged
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)
