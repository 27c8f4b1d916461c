"""LightGBM files that were written elsewhere: whether they fit a model, and what they tell."""

import re
from typing import Any

from framework.adapters.lightgbm import Booster, LightGBMError
from framework.card import ModelRefusedError
from framework.model import Model

# Task → objectives whose scores are what the task wants.
_OBJECTIVES = {
    "binary": {"binary", "cross_entropy"},
    "multiclass": {"multiclass", "multiclassova"},
}
_CLASSIFYING = {*_OBJECTIVES["binary"], *_OBJECTIVES["multiclass"], "lambdarank", "rank_xendcg"}
# What LightGBM calls features that were given no names.
_UNNAMED = re.compile(r"Column_\d+")
# Parameters that say how the model came about; the others are about files and machines.
_TOLD = [
    "objective",
    "boosting",
    "learning_rate",
    "num_iterations",
    "num_leaves",
    "max_depth",
    "min_data_in_leaf",
    "lambda_l1",
    "lambda_l2",
    "bagging_fraction",
    "bagging_freq",
    "feature_fraction",
    "early_stopping_round",
    "max_bin",
    "linear_tree",
    "num_class",
    "seed",
]


def read(model: Model[Any, Any], content: bytes) -> Booster:
    """Returns the booster of a file.

    Raises:
        ModelRefusedError: It is none, or does not fit the model.
    """
    if not content.startswith(b"tree\n"):
        raise ModelRefusedError(
            f"{model.name}: the file is not in LightGBM's text format; write it by "
            "`booster.save_model('model.txt')`."
        )
    try:
        booster = Booster(model_str=content.decode())
    except (LightGBMError, UnicodeDecodeError) as error:
        raise ModelRefusedError(f"{model.name}: LightGBM cannot read the file: {error}") from error
    _require_objective(model, content)
    names = booster.feature_name()
    if not all(map(_UNNAMED.fullmatch, names)) or len(names) != len(model.feature_names):
        model.require_features(names)
    known = [list(values) for values in model.encoder.categories.values()]
    for categories in booster.pandas_categorical or []:
        if categories not in known:
            raise ModelRefusedError(
                f"{model.name}: the file was fitted on categories {categories}, whose positions "
                f"are their codes; the model's are {known}, in this order."
            )
    return booster


def parameters(booster: Booster) -> dict[str, Any]:
    """Returns what a file tells of how its model was fitted."""
    return {name: booster.params[name] for name in _TOLD if name in booster.params}


def _require_objective(model: Model[Any, Any], content: bytes) -> None:
    found = re.search(rb"^objective=(\S+)", content, re.MULTILINE)
    objective = found[1].decode() if found else ""
    wanted = _OBJECTIVES.get(model.task.kind)
    fits = objective in wanted if wanted else objective not in _CLASSIFYING
    if not fits:
        raise ModelRefusedError(
            f"{model.name}: the file's objective is {objective or 'unknown'}, but a "
            f"{model.task.kind} model wants {' or '.join(sorted(wanted or ['a regression']))}."
        )
