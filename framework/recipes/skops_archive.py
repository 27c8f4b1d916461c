"""skops files: read without code of their own, and written alike in every process.

A skops file is a zip of `schema.json` and arrays. Three things in it differ from run to run
although the model does not: time stamps, and the memory addresses that skops uses as node ids and
as file names. Here they become a fixed date and numbers in order of first appearance.
"""

import io
import json
from pathlib import PurePosixPath
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from framework.imports import without
from framework.refusal import ModelRefusedError

# skops trusts scikit-learn's test helpers too, which import pytest where it is installed; pandas is
# imported to accept its types.
with without("pytest", "pandas", "pyarrow"):
    import skops.io

# Beside scikit-learn's own types: the type of an array's values, as imputers remember it, which
# skops reads as it reads an empty array.
TRUSTED = ["numpy.dtype"]
SCHEMA = "schema.json"
# The earliest date that a zip archive can express.
EPOCH = (1980, 1, 1, 0, 0, 0)


def dumps(model: Any) -> bytes:
    """Returns the bytes of a skops file that depend on the model and the libraries only."""
    return canonical(skops.io.dumps(model))


def loads(content: bytes, what: str) -> Any:
    """Loads a pipeline that holds nothing but scikit-learn's own types.

    Args:
        content: Of the file.
        what: The model or file that an error names.

    Raises:
        ModelRefusedError: It holds others, whose loading could run code; or it takes texts for
            names of files, which it would open.
    """
    untrusted = skops.io.get_untrusted_types(data=content)
    if unknown := [name for name in untrusted if name not in TRUSTED]:
        raise ModelRefusedError(
            f"{what}: the pipeline holds types that are not scikit-learn's own: "
            f"{', '.join(unknown)}; they are not loaded, because loading them could run code."
        )
    loaded = skops.io.loads(content, trusted=TRUSTED)
    if _opens_files(loaded):
        raise ModelRefusedError(
            f"{what}: the pipeline takes texts for names of files, and would open what a request "
            "names: fit it with a vectorizer of input='content'."
        )
    return loaded


def _opens_files(estimator: Any) -> bool:
    """Whether a vectorizer, at any depth, reads files or open ones instead of texts."""
    settings = estimator.get_params() if hasattr(estimator, "get_params") else {}
    return any(
        name.rpartition("__")[2] == "input" and value in ("filename", "file")
        for name, value in settings.items()
        if isinstance(value, str)
    )


def is_archive(content: bytes) -> bool:
    """Whether these are the bytes of a skops file."""
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            return SCHEMA in archive.namelist()
    except BadZipFile:
        return False


def canonical(archive: bytes) -> bytes:
    """Rewrites a skops file without time stamps and memory addresses."""
    with ZipFile(io.BytesIO(archive)) as source:
        ids: dict[int, int] = {}
        files: dict[str, str] = {}
        schema = _renumbered(json.loads(source.read(SCHEMA)), ids, files)
        if unnamed := set(source.namelist()) - {SCHEMA} - files.keys():
            raise ValueError(f"skops wrote files that its schema does not name: {sorted(unnamed)}")
        buffer = io.BytesIO()
        with ZipFile(buffer, "w") as target:
            _write(target, SCHEMA, json.dumps(schema, indent=1).encode())
            for old, new in files.items():
                _write(target, new, source.read(old))
    return buffer.getvalue()


def _renumbered(node: Any, ids: dict[int, int], files: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_renumbered(item, ids, files) for item in node]
    if not isinstance(node, dict):
        return node
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__" and isinstance(value, int):
            result[key] = ids.setdefault(value, len(ids) + 1)
        # `file` is skops' own key only beside `__loader__`; elsewhere it may be anybody's.
        elif key == "file" and isinstance(value, str) and "__loader__" in node:
            suffix = PurePosixPath(value).suffix
            result[key] = files.setdefault(value, f"{len(files) + 1}{suffix}")
        else:
            result[key] = _renumbered(value, ids, files)
    return result


def _write(archive: ZipFile, name: str, content: bytes) -> None:
    entry = ZipInfo(name, date_time=EPOCH)
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)
