"""LightGBM files that were written elsewhere: whether they fit a model, and what they tell."""

import re
from typing import Any

from framework.adapters.lightgbm import Booster, LightGBMError
from framework.model import Model
from framework.refusal import ModelRefusedError

# Task → objectives whose scores are what the task wants.
_OBJECTIVES = {
    "binary": {"binary", "cross_entropy"},
    "multiclass": {"multiclass", "multiclassova"},
}
_CLASSIFYING = {*_OBJECTIVES["binary"], *_OBJECTIVES["multiclass"], "lambdarank", "rank_xendcg"}
# What LightGBM calls features that were given no names.
_UNNAMED = re.compile(r"Column_\d+")
_BROKEN = "is broken or cut short: its trees are not where it says that they are"
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
    if problem := problem_of(content):
        raise ModelRefusedError(f"{model.name}: the file {problem}.")
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


def problem_of(content: bytes) -> str:
    """Says why a file is not to be given to LightGBM; empty if nothing is wrong with its frame.

    LightGBM trusts what a file says of itself: over half a file it ends the process, and with
    numbers of classes that contradict each other it writes past the end of an array.
    """
    head, *_ = content.partition(b"\nTree=0\n")
    says = dict(line.split(b"=", 1) for line in head.splitlines() if b"=" in line)
    classes = {
        says.get(b"num_class", b"1"),
        says.get(b"num_tree_per_iteration", b"1"),
        *re.findall(rb"num_class:(\S+)", says.get(b"objective", b"")),
    }
    if len(classes) > 1:
        return "names numbers of classes that contradict each other"
    at = len(head) + 1
    sizes = says.get(b"tree_sizes", b"").split()
    for number, size in enumerate(sizes):
        if not size.isdigit() or not content.startswith(b"Tree=%d\n" % number, at):
            return _BROKEN
        at += int(size)
    if not sizes or at > len(content):
        return _BROKEN
    return ""


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
