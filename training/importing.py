"""Bringing in a model that was fitted elsewhere: measured on rows, and stored with its card."""

import bz2
import gzip
import hashlib
import lzma
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bentoml
from bentoml.exceptions import BentoMLException

from framework.card import DataSummary
from framework.model import Model
from framework.refusal import ModelRefusedError
from framework.tasks import Binary
from training import rows, store
from training.data import table_of
from training.errors import TrainingError
from training.files import own_files
from training.pipeline import EVEN, champion_of
from training.report import staged_report
from training.result import measured

# What a pickle begins with, from protocol 2 on.
PICKLE_MAGIC = b"\x80"
# joblib compresses its pickles, if asked to, by one of these.
_DECOMPRESS: dict[bytes, Callable[[bytes], bytes]] = {
    b"x": zlib.decompress,
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ": lzma.decompress,
    b"]\x00": lzma.decompress,
}


def import_model(
    model: Model[Any, Any],
    *,
    files: Sequence[Path] = (),
    from_store: str | None = None,
    data: str | None = None,
    target: Sequence[str] = (),
    threshold: float | None = None,
    tag: str | None = None,
    report: Path | None = None,
) -> bentoml.Model:
    """Stores a finished model, after it has been measured on rows that it should know nothing of.

    Args:
        model: What it is a model of.
        files: Its file, in the format of the model's recipe (LightGBM text, skops); of a LightGBM
            model of several outputs one for each target, in their order.
        from_store: Tag of a model in BentoML's store whose file is taken instead.
        data: Path or http(s) URL of the rows; the model's own source if not given.
        target: Names of the target columns there; the model's own if not given.
        threshold: Decision threshold of a binary model; that of its task, or 0.5, if not given.
        tag: Version to store it under, or `name:version`; a new one if not given.
        report: Where the report is to be written besides the store.

    Returns:
        The stored model.

    Raises:
        TrainingError: The file, the rows or an option cannot be used; nothing has been stored.
    """
    if target and len(target) != len(model.target):
        raise TrainingError(
            f"{model.name} has the targets {', '.join(model.target)}; name a column for each."
        )
    chosen = _threshold(model, threshold)
    new = store.prepare(model.name, tag)
    champion = champion_of(model)
    with staged_report(report) as write:
        name, contents = _contents(files, from_store)
        try:
            fitted = model.adopt(contents)
        except ModelRefusedError as error:
            raise TrainingError(f"{name}: {error}") from error
        table = table_of(model, data)
        read = rows.read(model, table, target=target, classes=fitted.classes)
        distinct = read.distinct()
        test = distinct.examples(model)
        try:
            trained = measured(
                model,
                fitted,
                test,
                tag=str(new),
                reference=test,
                learnt=None,
                data=DataSummary(
                    source=table.source,
                    kind=table.kind,
                    sha256=table.sha256,
                    rows=len(read),
                    distinct_rows=len(distinct),
                    train_rows=0,
                    validation_rows=0,
                    test_rows=len(distinct),
                ),
                seed=0,
                threshold=chosen,
                parameters={
                    "imported_from": name,
                    "imported_sha256": hashlib.sha256(b"".join(contents)).hexdigest(),
                },
                notes=[
                    f"The model was fitted elsewhere and imported from {name}; all "
                    f"{len(distinct):,} distinct rows were test rows. Rows that it was fitted on "
                    "would make the numbers above look better than they are."
                ],
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise TrainingError(f"{name}: cannot answer the rows of the data: {error}") from error
        judged = trained.against_champion(model, str(new), champion, table, distinct)
        return store.save(new, judged, write)


def _threshold(model: Model[Any, Any], given: float | None) -> float | None:
    if not isinstance(model.task, Binary):
        if given is not None:
            raise TrainingError(
                f"A threshold is for models that say yes or no; {model.name} is not one."
            )
        return None
    if given is None:
        return EVEN if model.task.threshold is None else model.task.threshold
    if not 0 < given < 1:
        raise TrainingError(f"threshold {given} is out of range; allowed: between 0 and 1.")
    return given


def _contents(files: Sequence[Path], from_store: str | None) -> tuple[str, list[bytes]]:
    """Returns what the files are called, and their contents."""
    if bool(files) == (from_store is not None):
        raise TrainingError("Give either files (--file) or a tag of the store (--from-store).")
    if from_store is not None:
        files = _stored(from_store)
    contents = []
    for path in files:
        try:
            contents.append(path.read_bytes())
        except IsADirectoryError:
            raise TrainingError(f"{path}: is a folder; give the model's file in it.") from None
        except OSError as error:
            raise TrainingError(f"{path}: cannot be read: {error.strerror}.") from error
        _require_no_pickle(path.name, contents[-1])
    return from_store or ", ".join(path.name for path in files), contents


def _stored(tag: str) -> list[Path]:
    """Returns the file of a model in the store that was saved by BentoML's own means."""
    try:
        entry = bentoml.models.get(tag)
    except (BentoMLException, ValueError) as error:
        raise TrainingError(f"{tag}: is not in the model store: {error}") from error
    found = own_files(entry)
    if len(found) != 1:
        listed = ", ".join(path.name for path in found) or "none"
        raise TrainingError(
            f"{tag}: holds {len(found)} files ({listed}); give the one that is meant by --file."
        )
    return found


def _require_no_pickle(name: str, content: bytes) -> None:
    for magic, decompress in _DECOMPRESS.items():
        if content.startswith(magic):
            try:
                content = decompress(content)
            except (OSError, EOFError, zlib.error, lzma.LZMAError):
                continue
    if content.startswith(PICKLE_MAGIC):
        raise TrainingError(
            f"{name}: is a pickle (joblib writes these, too), and loading one can run any code, "
            "so it is refused; save the model by `booster.save_model('model.txt')` (LightGBM) or "
            "`skops.io.dump(pipeline, 'model.skops')` (scikit-learn)."
        )
