"""What a model is: its contract, its data, how it is fitted and how it answers."""

import importlib
import importlib.util
import inspect
import keyword
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic

import numpy as np
from google.protobuf.descriptor import FileDescriptor
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from framework.answers import AnswerT
from framework.budget import Budget
from framework.card import ModelCard
from framework.computation import Computation
from framework.encoder import Encoder
from framework.fields import FieldError
from framework.fitting import Examples, Fitted, Progress, Source
from framework.records import Records, RecordT
from framework.refusal import ModelRefusedError
from framework.tasks import Scores, Task

MAX_ROWS = 10_000
"""Most records in one request."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
RESERVED = frozenset({"all", "models", "v2", "metrics", "docs", "redoc"})
"""Names that already mean something on a command line or in an address of the server."""


class Model(ABC, Generic[RecordT, AnswerT]):
    """Everything particular to one model; `MODEL` of the module `models.<name>` is one.

    A recipe (`framework.recipes`) fills in how it is fitted and stored; a model with ideas of its
    own overrides a method. Whatever is said here holds for every protocol, for training and for
    the tests: nothing else in the repository knows a model by its name.

    Args:
        name: Name of its folder, its routes and its entries in the BentoML store.
        record: Type of a record: the contract of every protocol.
        answer: Type of an answer.
        target: Column, or columns, of the training table that it learns to tell.
        task: The kind of question.
        rows: What requests call their list of records: `employees`.
        sample: Some valid records, in words of JSON: for documentation and tests, and for a look
            at what `derived` computes.
        data: Rows to train on where no file is given.
        derived: Computes further columns of the feature matrix, whole columns at a time, from
            those of the records (see `Records.columns`).
        explanation: Type of the answer to `/<name>/explain`, if the model can explain itself.
        table: Type of a row of the training table, where that is not the record.
        from_table: Turns the columns of such a table into those of the records.
        slices: Returns the parts of the held-out rows to be measured by themselves, by name
            (`feature=value`), from the columns of their records; by default one part for each
            category.
        budget: What a version may cost that is to be promoted.

    Raises:
        FieldError: A type, the task or the sample does not fit; the message says what is wanted.
    """

    framework: str
    """Name of the library that computes, as `pip` knows it."""

    libraries: tuple[str, ...] = ()
    """Further libraries whose versions matter to what is stored."""

    def __init__(
        self,
        *,
        name: str,
        record: type[RecordT],
        answer: type[AnswerT],
        target: str | Sequence[str],
        task: Task,
        sample: Sequence[Mapping[str, Any]],
        rows: str = "records",
        data: Source | None = None,
        derived: Callable[[dict[str, Any]], Mapping[str, NDArray[Any]]] | None = None,
        explanation: type[BaseModel] | None = None,
        table: type[BaseModel] | None = None,
        from_table: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
        slices: Callable[[dict[str, Any]], Mapping[str, NDArray[np.bool_]]] | None = None,
        budget: Budget | None = None,
    ) -> None:
        if not _NAME.fullmatch(name) or keyword.iskeyword(name):
            raise FieldError(
                f"{name!r} is no name for a model: it should be lower-case letters, digits and "
                "underscores, begin with a letter, and be no keyword of Python."
            )
        if name in RESERVED:
            raise FieldError(
                f"{name!r} is no name for a model: on a command line or in an address of the "
                f"server it means something else, like {', '.join(sorted(RESERVED - {name}))}."
            )
        self.name = name
        self.record = record
        self.answer = answer
        self.target = [target] if isinstance(target, str) else list(target)
        self.task = task
        self.rows = rows
        self.sample = list(sample)
        self.data = data
        self.explanation = explanation
        self.table = table or record
        self.budget = budget or Budget()
        self.encoder = Encoder(record)
        self._derived = derived
        self._from_table = from_table
        self._slices = slices
        task.check(answer, self.target)
        self.feature_names = self._feature_names(self._sample_records())
        """Names of the feature matrix's columns."""

    # The contract.

    @cached_property
    def request(self) -> type[BaseModel]:
        """Type of a request's body: `{"<rows>": [record, …]}`."""
        title = self.rows.title().replace("_", "")
        fields: dict[str, Any] = {
            self.rows: (list[self.record], Field(min_length=1, max_length=MAX_ROWS))  # type: ignore[name-defined]
        }
        return create_model(
            f"{title}Request",
            __config__=ConfigDict(extra="forbid"),
            __doc__=f"{title}, in the order in which the answers come back.",
            __module__=self.record.__module__,
            **fields,
        )

    @property
    def package(self) -> str:
        """Name of the Python package that is its folder."""
        parts = self.record.__module__.split(".")
        return ".".join(parts[: parts.index(self.name) + 1] if self.name in parts else parts)

    @property
    def folder(self) -> Path:
        """Its folder."""
        return Path(inspect.getfile(sys.modules[self.package])).parent

    @property
    def descriptor(self) -> FileDescriptor | None:
        """Descriptor of its `.proto` file; None where the stubs have not been generated."""
        module = f"{self.package}.{self.name}_pb2"
        if importlib.util.find_spec(module) is None:
            return None
        descriptor: FileDescriptor = importlib.import_module(module).DESCRIPTOR
        return descriptor

    @property
    def description(self) -> str:
        """First paragraph of what its module says of it."""
        text = inspect.getdoc(sys.modules[self.package]) or ""
        return " ".join(text.split("\n\n", maxsplit=1)[0].split())

    # Features and answers, in training and serving alike.

    def features(self, records: Any) -> NDArray[Any]:
        """Returns the feature matrix of some `Records`, shape `[N, len(feature_names)]`."""
        matrix: NDArray[Any] = records.matrix
        if self._derived is None:
            return matrix
        return np.column_stack([matrix, *self._derived(records.columns).values()])

    def derived(self, records: Any) -> Mapping[str, NDArray[Any]]:
        """Returns the columns of the feature matrix that are computed of others, by name."""
        return {} if self._derived is None else self._derived(records.columns)

    def columns_of(self, scores: Scores, card: ModelCard) -> dict[str, NDArray[Any]]:
        """Turns an estimator's scores into the fields of the answers; see `Task.columns`."""
        return self.task.columns(self.answer, scores, card)

    # What a recipe says.

    @abstractmethod
    def fit(self, train: Examples, validation: Examples | None, seed: int, bar: Progress) -> Fitted:
        """Fits an estimator.

        Args:
            train: Rows to learn from.
            validation: Rows to choose by, if `validation_share` asks for some.
            seed: The same seed, rows and versions give the same bytes.
            bar: Makes a progress bar of so many steps, under a label.
        """

    def adopt(self, contents: Sequence[bytes]) -> Fitted:
        """Takes files of a model that was fitted elsewhere, in the recipe's own format.

        Args:
            contents: Their contents; more than one where each output has a file of its own.

        Raises:
            ModelRefusedError: They do not fit this model; the message says what is wanted.
        """
        raise ModelRefusedError(f"{self.name}: its recipe takes no files from elsewhere.")

    @abstractmethod
    def load(self, path_of: Callable[[str], str], card: ModelCard) -> Any:
        """Loads the estimator from its stored files.

        Args:
            path_of: File name → path.
            card: The stored model's card.

        Raises:
            ModelRefusedError: They must not be loaded.
        """

    @abstractmethod
    def scores(self, estimator: Any, features: NDArray[Any]) -> Scores:
        """Computes the scores of a feature matrix; see the model's task for their shape."""

    def computation(self, estimator: Any) -> Computation:
        """Says what computes the scores."""
        return Computation(self.framework)

    def explain(self, bundle: Any, records: Any) -> list[BaseModel]:
        """Explains the answers to some records; see `Bundle.explain`."""
        raise NotImplementedError(f"The model {self.name} does not explain its answers.")

    validation_share = 0.0
    """Share of the training rows that the recipe wants to choose by."""

    def require_features(self, names: Sequence[str]) -> None:
        """Makes sure that a file from elsewhere was fitted on this model's features.

        Args:
            names: The features it names, in its order; a field may go by any of its names.

        Raises:
            ModelRefusedError: They are others, or in another order.
        """
        known = {alias: field.name for field in self.encoder.fields for alias in field.names}
        given = [known.get(name, name) for name in names]
        if given != self.feature_names:
            order = " in another order" if sorted(given) == sorted(self.feature_names) else ""
            raise ModelRefusedError(
                f"{self.name}: the file was fitted on {len(given)} features{order} "
                f"({', '.join(given)}), but the model computes {len(self.feature_names)} "
                f"({', '.join(self.feature_names)})."
            )

    # Training tables.

    def from_table(self, columns: Mapping[str, Any]) -> Mapping[str, Any]:
        """Turns the columns of a training table into those of the records."""
        return columns if self._from_table is None else self._from_table(columns)

    def slices(self, columns: dict[str, Any]) -> dict[str, NDArray[np.bool_]]:
        """Returns which of some records belong to each part that is measured by itself."""
        if self._slices is not None:
            return dict(self._slices(columns))
        return {
            f"{name}={value}": columns[name] == code
            for name, values in self.encoder.categories.items()
            for code, value in enumerate(values)
        }

    def _sample_records(self) -> Records[RecordT]:
        if not self.sample:
            raise FieldError(f"{self.name}: the model needs at least one sample record.")
        try:
            return self.encoder.from_records(
                [self.record.model_validate(one) for one in self.sample]
            )
        except ValidationError as error:
            raise FieldError(f"{self.name}: a sample record is not valid: {error}") from None

    def _feature_names(self, sample: Records[RecordT]) -> list[str]:
        names = self.encoder.columns
        if not self._derived:
            return names
        derived = self._derived(sample.columns)
        for name, column in derived.items():
            if name in names or np.shape(column) != (len(sample),):
                raise FieldError(
                    f"{self.name}: the derived column {name!r} should have a name of its own and "
                    f"one value for each of the {len(sample)} records, not the shape "
                    f"{np.shape(column)}."
                )
        return [*names, *derived]
