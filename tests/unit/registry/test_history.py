"""The history: appended to by one at a time, and the pointer that follows from it."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from framework.database import Database
from framework.pointer import FILE, Pointer, read_pointer
from monitoring.label_store.database import Database as LabelDatabase
from monitoring.label_store.tables import metadata as label_tables
from registry.errors import RegistryError
from registry.events import Change, replay
from registry.history import SCHEMA, History
from registry.rollout import roll_out
from registry.tables import EVENTS
from tests.postgres import running

HASHES = {"model.txt": "0" * 64}


@pytest.fixture
def history(tmp_path: Path, url: str) -> History:
    """An empty one."""
    return History(tmp_path, url)


def registered(history: History, *tags: str) -> None:
    for number, tag in enumerate(tags):
        change = Change("register", "challenger" if number else "champion", tag, HASHES)
        assert history.register(change)


def tags(pointer: Pointer, model: str = "one") -> dict[str, str]:
    return {alias: standing.tag for alias, standing in pointer.models[model].items()}


def test_a_promotion_moves_every_alias(history: History, tmp_path: Path) -> None:
    registered(history, "one:1", "one:2")
    before = history.aliases().standing("one", "champion")

    history.move(Change("promote", "champion", "one:2", HASHES, "better"), before)
    pointer = history.publish()

    assert tags(pointer) == {"champion": "one:2", "previous": "one:1"}
    assert read_pointer(tmp_path) == pointer
    event = history.events("one")[-1]
    assert (event.before, event.change.reason, event.change.files) == ("one:1", "better", HASHES)
    assert event.change.gate is None
    assert "@" in event.who


def test_of_two_who_saw_the_same_champion_one_loses(history: History) -> None:
    registered(history, "one:1", "one:2", "one:3")
    seen = history.aliases().standing("one", "champion")
    history.move(Change("promote", "champion", "one:2", HASHES), seen)

    with pytest.raises(RegistryError, match=r"one:3 did not become champion.*now it is one:2"):
        history.move(Change("promote", "champion", "one:3", HASHES), seen)

    assert tags(history.aliases())["champion"] == "one:2"
    assert len(history.events("one")) == 4


def test_one_who_saw_it_there_and_back_loses_as_well(history: History) -> None:
    registered(history, "one:1", "one:2", "one:3")
    seen = history.aliases().standing("one", "champion")
    for tag in ("one:2", "one:1"):
        now = history.aliases().standing("one", "champion")
        history.move(Change("promote", "champion", tag, HASHES), now)

    with pytest.raises(RegistryError, match="meanwhile"):
        history.move(Change("promote", "champion", "one:3", HASHES), seen)


def test_what_is_taken_back_takes_nothing_else_along(history: History) -> None:
    registered(history, "one:1", "one:2")
    before = history.aliases()
    history.move(Change("promote", "champion", "one:2", HASHES), before.standing("one", "champion"))
    # Trained, and tried, while servers load what one of them will refuse.
    assert history.register(Change("register", "challenger", "one:3", HASHES))
    history.move(Change("promote", "canary", "one:3", HASHES, share=0.5), None)

    refused = history.aliases().standing("one", "champion")
    history.move(Change("withdraw", "champion", "one:1", HASHES), refused)

    assert tags(history.aliases()) == {
        "champion": "one:1",
        "challenger": "one:3",
        "canary": "one:3",
    }


@pytest.mark.parametrize("alias", ["champion", "challenger", "shadow"])
def test_the_champion_becomes_nothing_else(history: History, alias: Any) -> None:
    registered(history, "one:1")
    seen = history.aliases().standing("one", alias)

    with pytest.raises(RegistryError, match="is the champion of one already"):
        history.move(Change("promote", alias, "one:1", HASHES), seen)


def test_a_version_is_entered_once_and_the_first_champion_stays(history: History) -> None:
    registered(history, "one:1")

    assert not history.register(Change("register", "challenger", "one:1", HASHES))
    assert not history.register(Change("register", "champion", "one:2", HASHES))
    assert tags(history.aliases()) == {"champion": "one:1"}


def test_it_shares_a_database_with_the_labels(history: History, tmp_path: Path, url: str) -> None:
    registered(history, "one:1")
    labels = LabelDatabase(tmp_path, url)
    with labels.writing() as connection:
        own = [
            table
            for table in label_tables.tables
            if connection.dialect.has_table(connection, table)
        ]
        assert own == list(label_tables.tables)

    assert tags(History(tmp_path, url).aliases()) == {"champion": "one:1"}


def test_the_migrations_make_the_table_and_take_it_away(url: str, tmp_path: Path) -> None:
    database = Database(SCHEMA, tmp_path / "registry.db", url)
    with database.writing() as connection:
        options = {"version_table": SCHEMA.version_table}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, EVENTS.metadata) == []
        command.downgrade(SCHEMA.config(connection), "base")

    again = History(tmp_path, url)
    assert again.events() == []


def test_a_pointer_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    history = History(tmp_path)
    registered(history, "one:1")
    (tmp_path / FILE).mkdir()

    with pytest.raises(RegistryError, match="the history holds what has happened"):
        history.publish()


def test_what_has_happened_is_told_though_its_database_is_gone(tmp_path: Path) -> None:
    with running() as server:
        history = History(tmp_path, server.new_database())
        registered(history, "one:1", "one:2")
        before = history.publish().standing("one", "champion")
        change = Change("promote", "champion", "one:2", HASHES)
        history.move(change, before)

    with pytest.raises(RegistryError, match="one:2 has become champion in the history, but no"):
        roll_out(history, change, before, 0)

    assert tags(read_pointer(tmp_path))["champion"] == "one:1"


class Sequences(RuleBasedStateMachine):
    """Any sequence of trainings, promotions and roll-backs; kept beside in plain variables."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.home = Path(self._folder.name)
        self.history = History(self.home)
        self.versions: list[str] = []
        self.expected: dict[str, str] = {}

    def teardown(self) -> None:
        self._folder.cleanup()

    def _crown(self, action: Any, tag: str) -> None:
        seen = self.history.aliases().standing("one", "champion")
        self.history.move(Change(action, "champion", tag, HASHES), seen)
        others = {alias: held for alias, held in self.expected.items() if held != tag}
        self.expected = {**others, "champion": tag, "previous": self.expected["champion"]}

    @rule()
    def train(self) -> None:
        tag = f"one:{len(self.versions)}"
        self.versions.append(tag)
        alias: Any = "challenger" if self.expected else "champion"
        assert self.history.register(Change("register", alias, tag, HASHES))
        self.expected[alias] = tag

    @precondition(lambda self: self.versions)
    @rule(data=st.data())
    def promote(self, data: st.DataObject) -> None:
        tag = data.draw(st.sampled_from(self.versions))
        if tag == self.expected["champion"]:
            with pytest.raises(RegistryError):
                self._crown("promote", tag)
        else:
            self._crown("promote", tag)

    @precondition(lambda self: "previous" in self.expected)
    @rule()
    def roll_back(self) -> None:
        self._crown("rollback", self.expected["previous"])

    @precondition(lambda self: self.versions)
    @rule(data=st.data())
    def shadow(self, data: st.DataObject) -> None:
        tag = data.draw(st.sampled_from(self.versions))
        if tag != self.expected["champion"]:
            seen = self.history.aliases().standing("one", "shadow")
            self.history.move(Change("promote", "shadow", tag, HASHES), seen)
            self.expected["shadow"] = tag

    @invariant()
    def history_replays_to_the_pointer(self) -> None:
        self.history.publish()
        pointer = read_pointer(self.home)
        assert pointer == replay(History(self.home).events())
        assert {alias: one.tag for alias, one in pointer.models.get("one", {}).items()} == (
            self.expected
        )


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
