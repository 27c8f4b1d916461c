"""What servers have written that is not converted yet, as the tables that it will become."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from framework.model import Model
from framework.record.folder import RecordFolder
from framework.record.frames import PREDICTION, Entry, Frames
from monitoring.record.converter import OK
from monitoring.record.decoding import UnreadableError
from monitoring.record.tables import Rendering, failures


class Unconverted:
    """Reads the spool, files that are being written, too.

    Args:
        folder: The record's folder.
        models: The models, by name.
    """

    def __init__(self, folder: RecordFolder, models: Mapping[str, Model[Any, Any]]) -> None:
        self._folder = folder
        self._models = models

    def rows(self, model: str, version: str, is_wanted: Callable[[Entry], bool]) -> list[pa.Table]:
        """Returns the answered rows of a model's version, those of some entries."""
        if model not in self._models:
            return []
        rendering = Rendering(self._models[model])
        read = []
        for entry in self._entries(is_wanted):
            if entry.status == OK and entry.model_tag == f"{model}:{version}":
                try:
                    read.append((entry, *rendering.read(entry)))
                except UnreadableError:
                    continue
        return [rendering.table(read)] if read else []

    def failed(self, is_wanted: Callable[[Entry], bool]) -> list[pa.Table]:
        """Returns the requests that were refused, those of some entries."""
        found = [entry for entry in self._entries(is_wanted) if entry.status != OK]
        return [failures(found)] if found else []

    def tags(self) -> set[tuple[str, str]]:
        """Returns the models that have answered, and their versions."""
        found = {entry.model_tag.partition(":") for entry in self._entries(lambda _: True)}
        return {(model, version) for model, _, version in found}

    def _entries(self, is_wanted: Callable[[Entry], bool]) -> Iterator[Entry]:
        for file in self._folder.spool_files():
            try:
                for entries in Frames(file.path):
                    for entry in entries:
                        if entry.kind == PREDICTION and is_wanted(entry):
                            yield entry
            except FileNotFoundError:  # it was converted meanwhile
                continue
