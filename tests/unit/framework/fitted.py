"""Models fitted and stored by the framework alone, without `training`."""

import contextlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bentoml
import numpy as np

from framework import Binary, Bundle, Model, ModelCard, Multiclass, Records
from framework.card import CARD_FILE, DataSummary, GoldenExample
from framework.fitting import Examples, Fitted


@contextlib.contextmanager
def no_bar(steps: int, label: str) -> Iterator[Any]:
    """A progress bar that nobody sees."""
    yield SimpleNamespace(update=lambda: None)


def examples_of(model: Model[Any, Any]) -> Examples:
    """The rows of a model's own data set."""
    assert model.data is not None
    table = model.data.load()
    columns = dict(model.from_table(table))
    for field in model.encoder.fields:
        if field.length is not None:
            columns[field.name] = np.column_stack([table[name] for name in field.columns])
    records = model.encoder.from_columns(columns)
    classes: tuple[str, ...] = ()
    targets = [np.asarray(table[name]) for name in model.target]
    target = targets[0] if len(targets) == 1 else np.column_stack(targets)
    if isinstance(model.task, Binary):
        classes = model.task.classes
        target = np.array([model.task.labels.index(one) for one in target.tolist()])
    elif isinstance(model.task, Multiclass):
        named = [str(one) for one in target.tolist()]
        classes = model.task.classes or tuple(sorted(set(named)))
        target = np.array([classes.index(one) for one in named])
    return Examples(records, model.features(records), target, classes)


def fit(model: Model[Any, Any], examples: Examples) -> Fitted:
    """Fits a model to examples, which it chooses by too."""
    return model.fit(examples, examples, 0, no_bar)


def card_of(model: Model[Any, Any], classes: tuple[str, ...], **changes: Any) -> ModelCard:
    """A card that says what serving asks of one."""
    rows = dict.fromkeys(("rows", "distinct_rows", "train_rows", "validation_rows", "test_rows"), 1)
    known: dict[str, Any] = {
        "framework": model.framework,
        "versions": {model.framework: version(model.framework)},
        "task": model.task.kind,
        "target": model.target,
        "outputs": list(model.answer.model_fields),
        "units": model.task.units_of(model.answer),
        "data": DataSummary(source="test", kind="builtin", sha256="", **rows),
        "seed": 0,
        "git_commit": None,
        "features": model.feature_names,
        "categories": {
            name: [str(value) for value in values]
            for name, values in model.encoder.categories.items()
        },
        "classes": list(classes),
        "threshold": 0.5 if isinstance(model.task, Binary) else None,
        "parameters": {},
        "performance": {},
        "profile": {},
        "golden": [GoldenExample(record={}, prediction={})],
    }
    return ModelCard.model_validate({**known, **changes})


def stored(model: Model[Any, Any], examples: Examples) -> bentoml.Model:
    """Fits a model and stores it as training does, with golden examples."""
    outcome = fit(model, examples)
    bare = Bundle(model, f"{model.name}:new", card_of(model, examples.classes), outcome.estimator)
    some: Records[Any] = examples.records[:5]
    golden = [
        {"record": record.model_dump(mode="json"), "prediction": answer.model_dump(mode="json")}
        for record, answer in zip(some, bare.predict(some), strict=True)
    ]
    card = card_of(model, examples.classes, golden=golden)
    with bentoml.models.create(model.name) as new:
        for name, content in outcome.files.items():
            Path(new.path_of(name)).write_bytes(content)
        Path(new.path_of(CARD_FILE)).write_text(card.model_dump_json())
    return bentoml.models.get(new.tag)
