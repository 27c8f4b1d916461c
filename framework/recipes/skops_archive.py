"""Makes skops files reproducible: the same model gives the same bytes, in every process.

A skops file is a zip of `schema.json` and arrays. Three things in it differ from run to run
although the model does not: time stamps, and the memory addresses that skops uses as node ids and
as file names. Here they become a fixed date and numbers in order of first appearance.
"""

import io
import json
from pathlib import PurePosixPath
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import skops.io

SCHEMA = "schema.json"
# The earliest date that a zip archive can express.
EPOCH = (1980, 1, 1, 0, 0, 0)


def dumps(model: Any) -> bytes:
    """Returns the bytes of a skops file that depend on the model and the libraries only."""
    return canonical(skops.io.dumps(model))


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
