"""A scikit-learn pipeline, stored by skops: no pickle.

Both libraries are imported where a model is made or loaded: the master of a server does neither.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from framework.answers import AnswerT
from framework.card import ModelCard
from framework.fitting import Examples, Fitted, Progress, Ranking
from framework.model import Model
from framework.records import Records, RecordT
from framework.refusal import ModelRefusedError
from framework.tasks import Binary, Multiclass, MultiOutput, Regression, Scores

MODEL_FILE = "model.skops"
TOP = 10
"""Features shown for each class."""


class Pipeline(Model[RecordT, AnswerT]):
    """A scikit-learn estimator, usually a `sklearn.pipeline.Pipeline`.

    It is given texts where the record is one text, a matrix of numbers (categories as codes,
    missing values as NaN) where there is no text, and else an array of objects with a column for
    each text behind the numbers. A worker scores the texts of a linear pipeline by a short way (see
    `framework.recipes.text_pipeline`).

    Args:
        pipeline: Makes an unfitted pipeline; `random_state`s are the model's own affair.
        search: Parameter (`classifier__C`) → values to choose from, by cross-validation.
        folds: Folds of the cross-validation.
        scoring: What it maximises, by scikit-learn's name; the task's usual one if not given.
        describe: Returns further facts of a fitted pipeline, for the card's parameters.
        common: See `Model`.
    """

    framework = "scikit-learn"
    libraries = ("skops", "numpy", "scipy", "bentoml")

    def __init__(
        self,
        *,
        pipeline: Callable[[], Any],
        search: Mapping[str, Sequence[Any]] | None = None,
        folds: int = 5,
        scoring: str = "",
        describe: Callable[[Any], dict[str, Any]] | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self._make = pipeline
        self._describe = describe
        self.search = dict(search or {})
        self.folds = folds
        self.scoring = scoring or _SCORING[self.task.kind]

    def _feature_names(self, sample: Records[RecordT]) -> list[str]:
        return [*super()._feature_names(sample), *self.encoder.texts]

    def features(self, records: Records[RecordT]) -> NDArray[Any]:
        """See `Model`; texts that are missing are empty."""
        texts = [
            np.array([text or "" for text in records.texts[name]], dtype=object)
            for name in self.encoder.texts
        ]
        if not texts:
            return super().features(records)
        if len(self.feature_names) == 1:
            return texts[0]
        return np.column_stack([super().features(records).astype(object), *texts])

    def fit(self, train: Examples, validation: Examples | None, seed: int, bar: Progress) -> Fitted:
        """See `Model`.

        Raises:
            ModelRefusedError: The pipeline holds types that no server would load.
        """
        from threadpoolctl import threadpool_limits

        from framework.recipes import skops_archive

        target = train.target
        # scikit-learn sorts the classes; where theirs is another order, positions keep it.
        named = isinstance(self.task, Multiclass) and list(train.classes) == sorted(train.classes)
        if named:
            target = np.array(train.classes, dtype=object)[target]
        # More threads could add up numbers in another order, and so change the last bits.
        with threadpool_limits(1):
            chosen = self._chosen(train.features, target, seed, bar)
            fitted = self._make().set_params(**chosen).fit(train.features, target)
        _forget_addresses(fitted)
        content = skops_archive.dumps(fitted)
        stored = skops_archive.loads(content, self.name)
        notes = []
        if self.search:
            were = "was" if len(self.search) == 1 else "were"
            notes = [
                f"{', '.join(map(_short, self.search))} {were} chosen by {self.folds}-fold "
                "cross-validation within the training rows."
            ]
        return Fitted(
            files={MODEL_FILE: content},
            estimator=stored,
            parameters={
                **{_short(name): value for name, value in chosen.items()},
                **(self._describe(stored) if self._describe else {}),
                "pipeline": [type(step).__name__ for step in _steps(stored)],
                "cross_validation_folds": self.folds if self.search else None,
                "scoring": self.scoring if self.search else None,
                "seed": seed,
            },
            rankings_title="Features that weigh most",
            rankings=self._weights(stored, train.classes),
            notes=notes,
        )

    def adopt(self, contents: Sequence[bytes]) -> Fitted:
        """See `Model`; the file was written by `skops.io.dump`."""
        from framework.recipes import skops_archive

        if len(contents) != 1:
            raise ModelRefusedError(f"{self.name}: one file is wanted, but {len(contents)} given.")
        content = contents[0]
        if not skops_archive.is_archive(content):
            raise ModelRefusedError(
                f"{self.name}: the file is no skops archive; write it by "
                "`skops.io.dump(pipeline, 'model.skops')`."
            )
        estimator = skops_archive.loads(content, self.name)
        names = getattr(estimator, "feature_names_in_", None)
        count = getattr(estimator, "n_features_in_", len(self.feature_names))
        if names is None and count != len(self.feature_names):
            names = [f"feature {at}" for at in range(count)]
        if names is not None:
            self.require_features(list(map(str, names)))
        classes = self._classes_of(estimator)
        _forget_addresses(estimator)
        _forget_feature_names(estimator)
        stored = skops_archive.dumps(estimator)
        return Fitted(
            files={MODEL_FILE: stored},
            estimator=skops_archive.loads(stored, self.name),
            parameters={
                **(self._describe(estimator) if self._describe else {}),
                "pipeline": [type(step).__name__ for step in _steps(estimator)],
            },
            rankings_title="Features that weigh most",
            rankings=self._weights(estimator, classes),
            classes=classes,
        )

    def load(self, path_of: Callable[[str], str], card: ModelCard) -> Any:
        """See `Model`; a linear pipeline of texts comes to its scores by a shorter way."""
        from framework.recipes import text_apart

        path = Path(path_of(MODEL_FILE))
        # Scores of somebody's own may ask for more of the pipeline.
        if type(self).scores is Pipeline.scores and (apart := text_apart.load(path)) is not None:
            return apart
        from framework.recipes import skops_archive, text_pipeline

        return text_pipeline.quickened(skops_archive.loads(path.read_bytes(), str(path)))

    def scores(self, estimator: Any, features: NDArray[Any]) -> Scores:
        """See `Model`."""
        if isinstance(self.task, Regression | MultiOutput):
            return cast(Scores, np.asarray(estimator.predict(features), dtype=np.float64))
        probabilities = cast(Scores, estimator.predict_proba(features))
        return probabilities[:, 1] if isinstance(self.task, Binary) else probabilities

    def _chosen(
        self, features: NDArray[Any], target: NDArray[Any], seed: int, bar: Progress
    ) -> dict[str, Any]:
        """Returns the parameters with the best score over the folds; of equals the first."""
        from sklearn.metrics import get_scorer
        from sklearn.model_selection import KFold, ParameterGrid, StratifiedKFold

        if not self.search:
            return {}
        kind = StratifiedKFold if self.task.kind in ("binary", "multiclass") else KFold
        folds = list(kind(self.folds, shuffle=True, random_state=seed).split(features, target))
        scorer = get_scorer(self.scoring)
        candidates = list(ParameterGrid(self.search))
        totals = np.zeros(len(candidates))
        with bar(len(folds) * len(candidates), f"{self.name}: cross-validation") as progress:
            for at, parameters in enumerate(candidates):
                for inside, outside in folds:
                    pipeline = self._make().set_params(**parameters)
                    pipeline.fit(features[inside], target[inside])
                    totals[at] += scorer(pipeline, features[outside], target[outside])
                    progress.update()
        return dict(candidates[int(totals.argmax())])

    def _classes_of(self, estimator: Any) -> tuple[str, ...]:
        """Returns the classes of a fitted estimator by the names that the model gives them."""
        task = self.task
        if not isinstance(task, Binary | Multiclass):
            return ()
        if not hasattr(estimator, "predict_proba"):
            raise ModelRefusedError(
                f"{self.name}: the file's {type(estimator).__name__} gives no probabilities "
                "(`predict_proba`), which a classifier here must."
            )
        found = [str(one) for one in estimator.classes_]
        positions = [str(at) for at in range(len(found))]
        names = task.classes
        accepted = [positions, list(names)]
        if isinstance(task, Binary):
            accepted += [["False", "True"], [str(label) for label in task.labels]]
        elif not names:
            return tuple(found)
        if found not in accepted or len(found) != len(names):
            raise ModelRefusedError(
                f"{self.name}: the file tells {', '.join(found)} apart, but the model's classes "
                f"are {', '.join(names)}, in this order."
            )
        return tuple(names)

    def _weights(self, pipeline: Any, classes: Sequence[str]) -> dict[str, Ranking]:
        """Returns the largest weights of a linear last step, for each class or output."""
        *before, last = _steps(pipeline)
        if not hasattr(last, "coef_") or not all(
            hasattr(step, "get_feature_names_out") for step in before
        ):
            return {}
        names: Any = self.feature_names
        for step in before:
            # A vectorizer of texts names its own words.
            names = step.get_feature_names_out(names if hasattr(step, "n_features_in_") else None)
        weights = np.atleast_2d(last.coef_)
        if isinstance(self.task, Multiclass):
            if len(weights) == 1:
                # Two classes share one row: towards the second, away from the first.
                weights = np.vstack([-weights, weights])
            groups, order = list(classes), -weights
        else:
            groups = self.target if isinstance(self.task, MultiOutput) else [""]
            weights = np.abs(weights)
            order = -weights
        return {
            group: [(str(names[at]), float(row[at])) for at in row_order.argsort()[:TOP]]
            for group, row, row_order in zip(groups, weights, order, strict=True)
        }


_SCORING = {
    "binary": "f1",
    "multiclass": "f1_weighted",
    "regression": "r2",
    "multi_output": "r2",
}


def _forget_addresses(pipeline: Any) -> None:
    """Removes what differs from run to run: a memory address that spares a repeated check."""
    for step in _steps(pipeline):
        vars(step).pop("_stop_words_id", None)


def _forget_feature_names(pipeline: Any) -> None:
    """Removes the names of a data frame's columns, which scikit-learn would miss in a matrix."""
    for step in [pipeline, *_steps(pipeline)]:
        vars(step).pop("feature_names_in_", None)


def _short(name: str) -> str:
    """A parameter's own name: `C` of `classifier__C`."""
    return name.rpartition("__")[2]


def _steps(pipeline: Any) -> list[Any]:
    steps = getattr(pipeline, "named_steps", None)
    return list(steps.values()) if steps is not None else [pipeline]
