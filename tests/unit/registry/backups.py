"""Homes and records of a few made-up files, to be copied and compared."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from monitoring.label_store.database import Database as LabelDatabase
from monitoring.label_store.tables import LABELS, UNKNOWN
from registry.backup.archive import writing
from registry.backup.databases import kept_databases
from registry.backup.save import ABOUT, CONFIGURATION, about
from registry.events import Change
from registry.history import History

LABEL = {
    "prediction_id": "one-a-1",
    "row": 0,
    "model": "one",
    "label": '"yes"',
    "time": None,
    "source": "",
    "received": 2**40,
}


@dataclass(frozen=True)
class Place:
    """A home, a record, and where their rows are."""

    home: Path
    record: Path
    url: str | None = None

    def fill(self, word: str, labels: int = 3) -> None:
        """Puts a version named by a word into it, and events and labels of it."""
        for path in (
            self.home / "models" / "one" / word / "model.txt",
            self.record / "parquet" / "model=one" / f"version={word}" / "day=1" / "a-0.parquet",
            self.record / "spool" / f"{word}-1.log",
        ):
            path.parent.mkdir(parents=True)
            path.write_text(word * 100)
        history = History(self.home, self.url)
        history.register(Change("register", "champion", f"one:{word}", {"model.txt": word}))
        with LabelDatabase(self.record, self.url).writing() as connection:
            lines = [{**LABEL, "digest": f"{word}-{number}"} for number in range(labels)]
            connection.execute(sa.insert(LABELS), lines)
            connection.execute(sa.insert(UNKNOWN), [{**line, "looked": 7} for line in lines[:1]])

    def save(self, target: Path) -> str:
        """Makes a backup of it, as the command does of models that BentoML can read."""
        with writing(str(target)) as archive:
            archive.add_bytes(ABOUT, about("backup"))
            archive.add_bytes(CONFIGURATION, b"MODELS=one\n")
            for kept in kept_databases(self.home, self.record, self.url):
                archive.add(kept.name, kept.save(target.parent))
            for root, prefix in ((self.home / "models", "models"), (self.record, "record")):
                for path in sorted(root.rglob("*")):
                    if path.is_file() and not path.name.startswith("labels.db"):
                        archive.add(f"{prefix}/{path.relative_to(root)}", path)
        return str(target)

    def state(self) -> dict[str, object]:
        """All that is in it."""
        found: dict[str, object] = {
            str(path.relative_to(root)): path.read_bytes()
            for root in (self.home / "models", self.record)
            for path in root.rglob("*")
            if path.is_file() and "labels.db" not in path.name and ".restore" not in path.parts
        }
        for kept in kept_databases(self.home, self.record, self.url):
            with kept.database.reading() as connection:
                for table in kept.tables.sorted_tables:
                    rows = connection.execute(sa.select(table)).all()
                    found[table.name] = sorted(map(repr, rows))
        return found
