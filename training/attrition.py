"""Trains the attrition model: LightGBM on nine features, with early stopping."""

from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic.fields import FieldInfo
from sklearn.model_selection import train_test_split

from models.attrition.features import CATEGORIES, FEATURES, UNORDERED, matrix_from_columns
from models.attrition.predictor import MODEL_FILE, AttritionPredictor
from models.attrition.schema import Employee, Flag
from models.attrition.scorer import Scorer
from models.card import DataSummary
from training import profile
from training.data import Table
from training.evaluation import Evaluation, best_threshold
from training.progress import bar
from training.result import Trained, git_commit, measured, versions
from training.validation import MIN_ROWS_PER_CLASS, Column, read, require_classes

TARGET = "left"
CLASSES = ["stays", "leaves"]
COLUMNS = [
    *Column.of_model(Employee),
    Column.of_field(TARGET, FieldInfo.from_annotation(Flag)),
]
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.2

# The cap keeps a prediction fast; early stopping may end before it. Leaves and their size were
# chosen by cross-validation on the training part of the public data; small trees do best.
MAX_TREES = 120
PATIENCE = 20
PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.08,
    "num_leaves": 15,
    "min_data_in_leaf": 5,
    "lambda_l2": 1.0,
    # The same bytes for the same data, whatever the machine's number of cores.
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


def fit(table: Table, *, seed: int, tag: str) -> Trained:
    """Fits and measures the model on a table of employees.

    Raises:
        training.TrainingError: The table cannot be trained on.
    """
    rows = read(table, COLUMNS)
    distinct = rows.drop_duplicates(ignore_index=True)
    require_classes(table.source, TARGET, distinct[TARGET], minimum=MIN_ROWS_PER_CLASS)
    train, validation, test = _split(distinct, seed)

    booster = _boosted(train, validation, seed)
    content = booster.model_to_string(num_iteration=booster.best_iteration).encode()
    stored = lightgbm.Booster(model_str=content.decode())
    features, left = _encoded(validation)
    threshold = best_threshold(left, np.asarray(stored.predict(features, num_threads=1)))

    fields = {
        "framework": "lightgbm",
        "versions": versions(["lightgbm", "numpy", "bentoml"]),
        "data": DataSummary(
            source=table.source,
            simulated=table.simulated,
            sha256=table.sha256,
            rows=len(rows),
            distinct_rows=len(distinct),
            train_rows=len(train),
            validation_rows=len(validation),
            test_rows=len(test),
        ),
        "seed": seed,
        "git_commit": git_commit(),
        "features": FEATURES,
        "categories": CATEGORIES,
        "classes": CLASSES,
        "threshold": threshold,
        "parameters": {
            **PARAMETERS,
            "seed": seed,
            "max_trees": MAX_TREES,
            "early_stopping_rounds": PATIENCE,
            "best_iteration": booster.best_iteration,
        },
        "profile": {
            name: profile.of_categories(train[name], CATEGORIES[name])
            if name in CATEGORIES
            else profile.of_numbers(train[name])
            for name in FEATURES
        },
    }
    records = test[FEATURES].to_dict("records")
    card, evaluation = measured(
        fields,
        load=lambda card: AttritionPredictor(tag, card, Scorer(stored)),
        evaluate=lambda predictor: _evaluated(predictor, test),
        record=lambda row: Employee.model_validate(records[row]),
    )
    gains = stored.feature_importance("gain")
    shares = zip(FEATURES, (gains / max(gains.sum(), 1e-12)).tolist(), strict=True)
    return Trained(
        card=card,
        files={MODEL_FILE: content},
        evaluation=evaluation,
        rankings_title="Feature importance (share of gain)",
        rankings={"": sorted(shares, key=lambda item: -item[1])},
        notes=[
            f"{len(rows) - len(distinct):,} exact duplicates were removed before splitting, so no "
            "held-out row was seen in training.",
            "The number of trees and the decision threshold were chosen on the validation rows; "
            "in this run the test rows served only for the numbers below.",
        ],
    )


def _split(rows: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    rest, test = train_test_split(
        rows, test_size=TEST_SHARE, stratify=rows[TARGET], random_state=seed
    )
    train, validation = train_test_split(
        rest, test_size=VALIDATION_SHARE, stratify=rest[TARGET], random_state=seed
    )
    return train, validation, test


def _encoded(rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    columns = {name: rows[name].tolist() for name in FEATURES}
    return matrix_from_columns(columns), rows[TARGET].to_numpy(dtype=bool)


def _boosted(train: pd.DataFrame, validation: pd.DataFrame, seed: int) -> lightgbm.Booster:
    features, left = _encoded(train)
    data = lightgbm.Dataset(
        features, left, feature_name=FEATURES, categorical_feature=UNORDERED, free_raw_data=False
    )
    with bar(MAX_TREES, "attrition: trees") as progress:
        return lightgbm.train(
            {**PARAMETERS, "seed": seed},
            data,
            num_boost_round=MAX_TREES,
            valid_sets=[data.create_valid(*_encoded(validation))],
            callbacks=[
                lightgbm.early_stopping(PATIENCE, verbose=False),
                lambda _: progress.update() and None,
            ],
        )


def _evaluated(predictor: AttritionPredictor, test: pd.DataFrame) -> Evaluation:
    features, left = _encoded(test)
    leaves = predictor.probabilities(features)
    return Evaluation(
        classes=CLASSES,
        labels=left.astype(np.intp),
        probabilities=np.column_stack([1 - leaves, leaves]),
        predicted=(leaves >= predictor.threshold).astype(np.intp),
        positive=CLASSES.index("leaves"),
        slices={
            f"{name}={category}": (test[name] == category).to_numpy(dtype=bool)
            for name, categories in CATEGORIES.items()
            for category in categories
        },
    )
