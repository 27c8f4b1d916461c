"""LightGBM: gradient-boosted trees, stored in LightGBM's own text format.

The library is imported where a model is made or loaded: the master of a server does neither.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from framework.answers import AnswerT
from framework.bundle import Bundle, explained
from framework.card import ModelCard
from framework.computation import Computation
from framework.fields import FieldError, FieldSpec
from framework.fitting import Examples, Fitted, Progress
from framework.model import Model
from framework.openmp import require_openmp
from framework.records import Records, RecordT
from framework.refusal import ModelRefusedError
from framework.tasks import Multiclass, MultiOutput, Scores

if TYPE_CHECKING:
    from framework.recipes.scorer import Scorer

require_openmp()

MODEL_FILE = "model.txt"
DEFAULTS: dict[str, Any] = {
    "learning_rate": 0.08,
    "num_leaves": 15,
    "min_data_in_leaf": 5,
    "lambda_l2": 1.0,
}
# The same bytes for the same data, whatever the machine's number of cores.
_REPRODUCIBLE: dict[str, Any] = {
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
_OBJECTIVES = {
    "binary": "binary",
    "multiclass": "multiclass",
    "regression": "regression",
    "multi_output": "regression",
}


class LightGBM(Model[RecordT, AnswerT]):
    """A model of boosted trees; takes categories and missing values as they are.

    The number of trees is chosen on validation rows, by early stopping. Of several outputs each
    has a booster of its own.

    Args:
        parameters: LightGBM's parameters, beside or instead of `DEFAULTS`.
        max_trees: Most trees; keeps a prediction fast.
        patience: Trees without progress on the validation rows after which fitting ends.
        ordered: Fields of a `Literal` type whose values are in order, so that their codes are
            numbers to the trees; the others are categories.
        common: See `Model`.

    Raises:
        FieldError: The record has a text, or `ordered` names no field of a `Literal` type.
    """

    framework = "lightgbm"
    libraries = ("numpy", "bentoml")
    validation_share = 0.2

    def __init__(
        self,
        *,
        parameters: Mapping[str, Any] | None = None,
        max_trees: int = 120,
        patience: int = 20,
        ordered: Sequence[str] = (),
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if self.encoder.texts:
            raise FieldError(
                f"{self.name}: LightGBM takes no texts, but {', '.join(self.encoder.texts)} "
                "is one: make it a Literal of its values, or use the recipe Pipeline."
            )
        if unknown := [name for name in ordered if name not in self.encoder.categories]:
            raise FieldError(f"{self.name}: {', '.join(unknown)} is no field of a Literal type.")
        self.max_trees = max_trees
        self.patience = patience
        self.parameters = {
            "objective": _OBJECTIVES[self.task.kind],
            **DEFAULTS,
            **(parameters or {}),
            **_REPRODUCIBLE,
        }
        self.unordered = [name for name in self.encoder.categories if name not in ordered]

    def fit(self, train: Examples, validation: Examples | None, seed: int, bar: Progress) -> Fitted:
        """See `Model`."""
        assert validation is not None, "asked for by validation_share"
        parameters = {**self.parameters, "seed": seed}
        if isinstance(self.task, Multiclass):
            parameters["num_class"] = len(train.classes)
        targets = _each_output(train.target)
        watched = _each_output(validation.target)
        boosters = [
            self._boosted(parameters, train.features, one, validation.features, other, bar)
            for one, other in zip(targets, watched, strict=True)
        ]
        contents = [
            booster.model_to_string(num_iteration=booster.best_iteration) for booster in boosters
        ]
        trees = [booster.best_iteration for booster in boosters]
        return self._fitted(
            [content.encode() for content in contents],
            {
                **parameters,
                "max_trees": self.max_trees,
                "early_stopping_rounds": self.patience,
                "best_iteration": trees[0] if len(trees) == 1 else trees,
            },
            notes=["The number of trees was chosen on the validation rows."],
        )

    def adopt(self, contents: Sequence[bytes]) -> Fitted:
        """See `Model`; the files are in LightGBM's own text format (`Booster.save_model`)."""
        from framework.recipes import lightgbm_file

        outputs = self._outputs()
        if len(contents) != len(outputs):
            raise ModelRefusedError(
                f"{self.name}: {len(outputs)} files are wanted, one for each target "
                f"({', '.join(outputs)}), but {len(contents)} given."
                if len(outputs) > 1
                else f"{self.name}: one file is wanted, but {len(contents)} given."
            )
        boosters = [lightgbm_file.read(self, content) for content in contents]
        trees = [booster.current_iteration() for booster in boosters]
        return self._fitted(
            contents,
            {
                **lightgbm_file.parameters(boosters[0]),
                "best_iteration": trees[0] if len(trees) == 1 else trees,
            },
            notes=[],
        )

    def load(self, path_of: Callable[[str], str], card: ModelCard) -> "list[Scorer]":
        """See `Model`."""
        from framework.recipes import lightgbm_file
        from framework.recipes.compiled_scorer import quickest

        wanted = len(card.classes) if isinstance(self.task, Multiclass) else 1
        scorers = []
        for at in range(len(self._outputs())):
            path = Path(path_of(_file(at)))
            content = path.read_bytes()
            if problem := lightgbm_file.problem_of(content):
                raise ModelRefusedError(f"{self.name}: {path.name} {problem}.")
            scorer = quickest(content.decode())
            if scorer.outputs != wanted:
                raise ModelRefusedError(
                    f"{self.name}: {path.name} gives {scorer.outputs} numbers for each row, but "
                    f"the card's classes want {wanted}."
                )
            scorers.append(scorer)
        return scorers

    def scores(self, estimator: "list[Scorer]", features: NDArray[Any]) -> Scores:
        """See `Model`."""
        if len(estimator) == 1:
            return estimator[0](features)
        return np.column_stack([scorer(features) for scorer in estimator])

    def computation(self, estimator: "list[Scorer]") -> Computation:
        """See `Model`; it is compiled if the trees of every output are."""
        computations = [scorer.computation for scorer in estimator]
        return min(computations, key=lambda one: bool(one.is_compiled))

    def explain(
        self, bundle: Bundle[RecordT, AnswerT], records: Records[RecordT]
    ) -> list[BaseModel]:
        """Explains answers by exact tree SHAP values, which LightGBM computes.

        The explanation type has `base_value`, `raw_score` and `contributions`, a list of
        `feature`, `value` and `contribution`, largest first, and may have fields of the answer. The
        base value plus all contributions, added in the order given, is exactly the raw score.

        Raises:
            NotImplementedError: The model has no explanation type, or more than one output.
        """
        if self.explanation is None or isinstance(self.task, Multiclass | MultiOutput):
            return super().explain(bundle, records)
        (scorer,) = bundle.estimator
        features = self.features(records)
        fields, width = self.encoder.fields, len(self.encoder.columns)
        parts = []
        for row, record, shap in zip(
            features, records, scorer.contributions(features).tolist(), strict=True
        ):
            values = [
                value for field in fields for value in _values(field, getattr(record, field.name))
            ]
            parts.append(_explained(self.feature_names, [*values, *row[width:].tolist()], shap))
        return explained(list(bundle.predict(records)), self.explanation, parts)

    def _fitted(
        self, contents: Sequence[bytes], parameters: dict[str, Any], notes: list[str]
    ) -> Fitted:
        from framework.adapters.lightgbm import Booster
        from framework.recipes.scorer import Scorer

        stored = [Booster(model_str=content.decode()) for content in contents]
        return Fitted(
            files={_file(at): content for at, content in enumerate(contents)},
            estimator=[Scorer(booster) for booster in stored],
            parameters=parameters,
            rankings_title="Feature importance (share of gain)",
            rankings={
                name: self._importance(booster)
                for name, booster in zip(self._outputs(), stored, strict=True)
            },
            notes=notes,
        )

    def _boosted(
        self,
        parameters: dict[str, Any],
        features: NDArray[Any],
        target: NDArray[Any],
        watched_features: NDArray[Any],
        watched: NDArray[Any],
        bar: Progress,
    ) -> Any:
        from framework.adapters.lightgbm import lightgbm

        data = lightgbm.Dataset(
            features,
            target,
            feature_name=self.feature_names,
            categorical_feature=self.unordered,
            free_raw_data=False,
        )
        with bar(self.max_trees, f"{self.name}: trees") as progress:
            return lightgbm.train(
                parameters,
                data,
                num_boost_round=self.max_trees,
                valid_sets=[data.create_valid(watched_features, watched)],
                callbacks=[
                    lightgbm.early_stopping(self.patience, verbose=False),
                    lambda _: progress.update() and None,
                ],
            )

    def _outputs(self) -> list[str]:
        """Names of the outputs that have a booster of their own."""
        return self.target if isinstance(self.task, MultiOutput) else [""]

    def _importance(self, booster: Any) -> list[tuple[str, float]]:
        gains = booster.feature_importance("gain")
        shares = (gains / max(gains.sum(), 1e-12)).tolist()
        return sorted(zip(self.feature_names, shares, strict=True), key=lambda item: -item[1])


def _file(output: int) -> str:
    return MODEL_FILE if not output else f"model-{output}.txt"


def _each_output(target: NDArray[Any]) -> list[NDArray[Any]]:
    return [target] if target.ndim == 1 else list(target.T)


def _values(field: FieldSpec, value: Any) -> list[Any]:
    """The values of a field, one for each column that it takes."""
    if field.length is None:
        return [value]
    return [None] * field.length if value is None else list(value)


def _explained(names: Sequence[str], values: Sequence[Any], shap: list[float]) -> dict[str, Any]:
    *contributed, base_value = shap
    contributions = sorted(
        (
            {"feature": name, "value": value, "contribution": contribution}
            for name, value, contribution in zip(names, values, contributed, strict=True)
        ),
        key=lambda one: -abs(one["contribution"]),
    )
    raw_score = base_value
    for one in contributions:
        raw_score += one["contribution"]
    return {"base_value": base_value, "raw_score": raw_score, "contributions": contributions}
