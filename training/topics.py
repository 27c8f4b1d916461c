"""Trains the topics model: TF-IDF of words and word pairs, and logistic regression."""

from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from models.card import DataSummary
from models.topics.features import FEATURES, project_text
from models.topics.predictor import MODEL_FILE, TopicsPredictor
from models.topics.schema import Text
from training import profile, skops_archive
from training.data import Table
from training.evaluation import Evaluation
from training.progress import bar
from training.result import Ranking, Trained, git_commit, measured, versions
from training.validation import (
    MIN_ROWS_PER_CLASS,
    Column,
    read,
    require_classes,
    require_length,
)

TARGET = "tag"
COLUMNS = [
    Column("title", ("title",), str, low=1),
    Column("description", ("description",), str, optional=True),
    Column(TARGET, (TARGET,), str, low=1),
]
TEST_SHARE = 0.2
FOLDS = 5
# Inverse strengths of regularisation to choose from, by cross-validation.
STRENGTHS = [3.0, 10.0, 30.0, 100.0]
# Upper bounds, in characters, of what the slices call short and medium.
SHORT, MEDIUM = 100, 170
TOP_WORDS = 10


def fit(table: Table, holdout: Table | None, *, seed: int, tag: str) -> Trained:
    """Fits the model on a table of projects, and measures it on the holdout or on a split.

    Rows of the table whose text is also in the holdout are not trained on.

    Raises:
        training.TrainingError: A table cannot be used.
    """
    rows = _projects(table)
    distinct = rows.drop_duplicates(ignore_index=True)
    notes = []
    if holdout is None:
        require_classes(table.source, TARGET, distinct[TARGET], minimum=MIN_ROWS_PER_CLASS)
        train, test = train_test_split(
            distinct, test_size=TEST_SHARE, stratify=distinct[TARGET], random_state=seed
        )
        read_rows = len(rows)
    else:
        topics = tuple(sorted(distinct[TARGET].unique()))
        given = _projects(holdout, topics)
        test = given.drop_duplicates(ignore_index=True)
        train = distinct[~distinct["text"].isin(test["text"])]
        require_classes(table.source, TARGET, train[TARGET], minimum=MIN_ROWS_PER_CLASS)
        read_rows = len(rows) + len(given)
        notes += [
            f"Tested on {holdout.source} (SHA-256 {holdout.sha256[:12]}…); "
            f"{len(distinct) - len(train):,} of its texts were also in the training data and were "
            "not trained on."
        ]
    used = len(train) + len(test)
    notes += [
        f"{read_rows - used:,} exact duplicates were removed before splitting, so no held-out row "
        "was seen in training.",
        f"The strength of regularisation was chosen by {FOLDS}-fold cross-validation within the "
        "training rows; in this run the test rows served only for the numbers below.",
    ]

    # More threads could add up numbers in another order, and so change the last bits.
    with threadpool_limits(1):
        strength = _best_strength(train, seed)
        fitted = _pipeline(strength).fit(train["text"], train[TARGET])
    # A memory address, with which scikit-learn only spares itself a repeated check.
    vars(fitted.named_steps["tfidf"]).pop("_stop_words_id", None)
    content = skops_archive.dumps(fitted)
    stored = skops.io.loads(content)

    vectorizer, classifier = stored.named_steps.values()
    fields = {
        "framework": "scikit-learn",
        "versions": versions(["scikit-learn", "skops", "numpy", "scipy", "bentoml"]),
        "data": DataSummary(
            source=table.source,
            simulated=table.simulated,
            sha256=table.sha256,
            rows=read_rows,
            distinct_rows=used,
            train_rows=len(train),
            # Cross-validation takes no rows away from training.
            validation_rows=0,
            test_rows=len(test),
        ),
        "seed": seed,
        "git_commit": git_commit(),
        "features": FEATURES,
        "categories": {},
        "classes": [str(name) for name in stored.classes_],
        "threshold": None,
        "parameters": {
            "ngram_range": list(vectorizer.ngram_range),
            "stop_words": vectorizer.stop_words,
            "sublinear_tf": vectorizer.sublinear_tf,
            "vocabulary_size": len(vectorizer.vocabulary_),
            "C": strength,
            "class_weight": classifier.class_weight,
            "max_iter": classifier.max_iter,
            "best_iteration": int(classifier.n_iter_.max()),
            "cross_validation_folds": FOLDS,
            "seed": seed,
            "holdout": None if holdout is None else holdout.source,
            "holdout_sha256": None if holdout is None else holdout.sha256,
        },
        "profile": {"text_length": profile.of_numbers(train["text"].str.len())},
    }
    texts = test["text"].tolist()
    card, evaluation = measured(
        fields,
        load=lambda card: TopicsPredictor(tag, card, stored),
        evaluate=lambda predictor: _evaluated(predictor, test),
        record=lambda row: Text(text=texts[row]),
    )
    return Trained(
        card=card,
        files={MODEL_FILE: content},
        evaluation=evaluation,
        rankings_title="Words that speak most for each topic (weight)",
        rankings=_top_words(stored),
        notes=notes,
    )


def _projects(table: Table, topics: tuple[str, ...] = ()) -> pd.DataFrame:
    """Returns the texts and tags of a table; tags are limited to `topics`, if given."""
    columns = [*COLUMNS[:-1], Column(TARGET, (TARGET,), str, low=1, categories=topics)]
    rows = read(table, columns)
    text = pd.Series(
        [
            project_text(title, description)
            for title, description in zip(rows["title"], rows["description"], strict=True)
        ]
    )
    require_length(table, "title + description", text, Text.model_fields["text"])
    return pd.DataFrame({"text": text, TARGET: rows[TARGET]})


def _pipeline(strength: float) -> Pipeline:
    return Pipeline(
        [
            (
                "tfidf",
                TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words="english"),
            ),
            ("classifier", LogisticRegression(C=strength, class_weight="balanced", max_iter=1000)),
        ]
    )


def _best_strength(train: pd.DataFrame, seed: int) -> float:
    """Returns the strength with the best weighted F1 over the folds; of equals the weakest."""
    scores = np.zeros(len(STRENGTHS))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with bar(FOLDS * len(STRENGTHS), "topics: cross-validation") as progress:
        for inside, outside in folds.split(train, train[TARGET]):
            vectorizer = _pipeline(1.0).named_steps["tfidf"]
            features = vectorizer.fit_transform(train["text"].iloc[inside])
            unseen = vectorizer.transform(train["text"].iloc[outside])
            for index, strength in enumerate(STRENGTHS):
                classifier = _pipeline(strength).named_steps["classifier"]
                classifier.fit(features, train[TARGET].iloc[inside])
                scores[index] += f1_score(
                    train[TARGET].iloc[outside], classifier.predict(unseen), average="weighted"
                )
                progress.update()
    return STRENGTHS[int(scores.argmax())]


def _evaluated(predictor: TopicsPredictor, test: pd.DataFrame) -> Evaluation:
    probabilities = predictor.probabilities(test["text"].tolist())
    length = test["text"].str.len().to_numpy()
    positions = {topic: index for index, topic in enumerate(predictor.topics)}
    labels = np.array([positions[topic] for topic in test[TARGET]], dtype=np.intp)
    return Evaluation(
        classes=predictor.topics,
        labels=labels,
        probabilities=probabilities,
        predicted=probabilities.argmax(axis=1),
        slices={
            "length=short": length <= SHORT,
            "length=medium": (length > SHORT) & (length <= MEDIUM),
            "length=long": length > MEDIUM,
        },
    )


def _top_words(pipeline: Any) -> dict[str, Ranking]:
    vectorizer, classifier = pipeline.named_steps.values()
    words = vectorizer.get_feature_names_out()
    weights = classifier.coef_
    if len(weights) == 1:
        # Two classes share one row of weights: towards the second, away from the first.
        weights = np.vstack([-weights, weights])
    return {
        str(topic): [
            (str(words[index]), float(row[index])) for index in (-row).argsort()[:TOP_WORDS]
        ]
        for topic, row in zip(classifier.classes_, weights, strict=True)
    }
