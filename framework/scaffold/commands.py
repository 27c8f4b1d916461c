"""Making and taking away a model, each all or nothing."""

import importlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from framework import protos
from framework.discovery import ROOT
from framework.model import Model
from framework.scaffold.code import Draft, methods_code, module_code, type_names
from framework.scaffold.errors import ScaffoldError
from framework.scaffold.features import Feature, feature_of
from framework.scaffold.naming import require_name
from framework.scaffold.question import question_of
from framework.scaffold.service_file import Part, names_in, serves, with_model, without_model
from framework.scaffold.table import Table

PACKAGE = "models"
SERVICE = "service.py"


def new(
    name: str,
    data: Path,
    targets: Sequence[str],
    *,
    drop: Sequence[str] = (),
    rows: str = "records",
    root: Path = ROOT,
) -> Draft:
    """Makes a model of a table: its folder, and its part of service.py.

    Args:
        name: Name of the model.
        data: CSV or Parquet file.
        targets: Columns that it is to tell.
        drop: Columns to leave out.
        rows: What requests call their records.
        root: The folder that holds `models/` and service.py.

    Returns:
        What was decided.

    Raises:
        ScaffoldError: It cannot be made; nothing was written.
        ProtoError: The compiler of `.proto` files is missing; nothing was written.
    """
    service = root.joinpath(SERVICE).read_text(encoding="utf-8")
    folder = root / PACKAGE / name
    require_name(name, "a model")
    if folder.exists():
        raise ScaffoldError(
            f"There is a model {name!r} already; take another name, or take it away with "
            f"`python -m framework remove {name}`."
        )
    require_name(name, "a model", names_in(service))
    require_name(rows, "the rows of a request", ["self"])
    draft = drafted(name, Table.read(data), targets, drop, rows, names_in(service))
    with _staged(draft, root) as staged:
        methods = methods_code(name, rows, draft.record, draft.answer, "", root)
        service = with_model(service, Part(name, [draft.record, draft.answer], methods))
        staged.rename(folder)
        try:
            _replace(root / SERVICE, service)
        except BaseException:
            shutil.rmtree(folder)
            raise
    return draft


def add(model: Model[Any, Any], root: Path = ROOT) -> None:
    """Puts a model whose folder was written by hand into service.py, and makes its contract.

    Args:
        model: The model.
        root: The folder that holds `models/` and service.py.

    Raises:
        ScaffoldError: It is in service.py already, or its types cannot be named there; nothing was
            written.
        FieldError: One of its types has no form in protobuf; nothing was written.
        ProtoError: The compiler of `.proto` files is missing; nothing was written.
    """
    service = root.joinpath(SERVICE).read_text(encoding="utf-8")
    if serves(service, model.name):
        raise ScaffoldError(f"service.py serves {model.name!r} already.")
    require_name(model.name, "a model", names_in(service))
    record, answer = model.record.__name__, model.answer.__name__
    explanation = model.explanation.__name__ if model.explanation else ""
    types = [name for name in (record, answer, explanation) if name]
    module = importlib.import_module(model.package)
    for name in types:
        if not hasattr(module, name):
            raise ScaffoldError(
                f"{model.package} has no name {name}: import the type in its __init__.py, for "
                "service.py to take it from there."
            )
        if name in names_in(service):
            raise ScaffoldError(f"{name} means something else in service.py: rename the type.")
    methods = methods_code(model.name, model.rows, record, answer, explanation, root)
    service = with_model(service, Part(model.name, types, methods))
    protos.write([model], root)
    _replace(root / SERVICE, service)


def drafted(
    name: str,
    table: Table,
    targets: Sequence[str],
    drop: Sequence[str],
    rows: str,
    taken: set[str],
) -> Draft:
    """Decides what a model of a table looks like.

    Raises:
        ScaffoldError: A column is not there, or cannot be what it should be.
    """
    if twice := [one for one in targets if list(targets).count(one) > 1 or one in drop]:
        raise ScaffoldError(f"The column {twice[0]!r} is named twice; name it once.")
    question = question_of([table.column(target) for target in targets])
    left_out = {*targets, *(table.column(one).name for one in drop)}
    features: list[Feature] = []
    for column in table.columns.values():
        if column.name not in left_out:
            features.append(feature_of(column, [feature.name for feature in features]))
    if not features:
        raise ScaffoldError(f"{table.source} has no column left to tell {', '.join(targets)} from.")
    record, answer = type_names(name, rows, taken)
    return Draft(name, rows, table.source, record, answer, features, question)


def remove(name: str, root: Path = ROOT) -> None:
    """Takes a model away: its folder, and its part of service.py.

    Raises:
        ScaffoldError: There is none of this name; nothing was changed.
    """
    folder = root / PACKAGE / name
    if not name.isidentifier() or not folder.joinpath("__init__.py").is_file():
        raise ScaffoldError(f"There is no model {name!r} in {PACKAGE}/.")
    service = without_model(root.joinpath(SERVICE).read_text(encoding="utf-8"), name)
    with tempfile.TemporaryDirectory(prefix=".removed-", dir=root) as aside:
        moved = folder.rename(Path(aside) / name)
        try:
            _replace(root / SERVICE, service)
        except BaseException:
            moved.rename(folder)
            raise


@contextmanager
def _staged(draft: Draft, root: Path) -> Iterator[Path]:
    """Writes a model's folder where nobody looks, to be moved to its place when all is well."""
    with tempfile.TemporaryDirectory(prefix=".new-", dir=root) as name:
        stage = Path(name)
        folder = stage / PACKAGE / draft.name
        folder.mkdir(parents=True)
        folder.joinpath("__init__.py").write_text(module_code(draft, root), encoding="utf-8")
        with _imported(folder, draft.name) as model:
            protos.write([model], stage)
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        yield folder


@contextmanager
def _imported(folder: Path, name: str) -> Iterator[Model[Any, Any]]:
    """Imports a model from a folder that is not in its place yet."""
    package = importlib.import_module(PACKAGE)
    module = f"{PACKAGE}.{name}"
    package.__path__.insert(0, str(folder.parent))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(module).MODEL
    finally:
        package.__path__.remove(str(folder.parent))
        sys.modules.pop(module, None)
        with suppress(AttributeError):
            delattr(package, name)


def _replace(path: Path, text: str) -> None:
    """Replaces a file, which is never half written."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}-", delete=False
    ) as file:
        file.write(text)
    try:
        shutil.copymode(path, file.name)
        Path(file.name).replace(path)
    except BaseException:
        Path(file.name).unlink()
        raise
