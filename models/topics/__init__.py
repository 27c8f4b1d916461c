"""What a machine-learning project is about: TF-IDF of words and word pairs, logistic regression."""

from collections.abc import Mapping
from typing import Any

from framework import Multiclass, Source
from framework.recipes.pipeline import Pipeline
from models.topics.schema import Project, Text, Topic, project_text

__all__ = ["MODEL", "Text", "Topic"]

# Upper bounds, in characters, of what the slices call short and medium.
SHORT, MEDIUM = 100, 170


def _pipeline() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline as Steps

    return Steps(
        [
            ("tfidf", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words="english")),
            ("classifier", LogisticRegression(class_weight="balanced", max_iter=1000)),
        ]
    )


def _described(pipeline: Any) -> dict[str, Any]:
    vectorizer, classifier = pipeline.named_steps.values()
    return {
        "ngram_range": list(vectorizer.ngram_range),
        "stop_words": vectorizer.stop_words,
        "sublinear_tf": vectorizer.sublinear_tf,
        "vocabulary_size": len(vectorizer.vocabulary_),
        "class_weight": classifier.class_weight,
        "max_iter": classifier.max_iter,
        "best_iteration": int(classifier.n_iter_.max()),
    }


def _texts(columns: Mapping[str, Any]) -> dict[str, Any]:
    pairs = zip(columns["title"], columns["description"], strict=True)
    return {"text": [project_text(title, description) for title, description in pairs]}


def _by_length(columns: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    length = np.array([len(text) for text in columns["text"]])
    return {
        "length=short": length <= SHORT,
        "length=medium": (length > SHORT) & (length <= MEDIUM),
        "length=long": length > MEDIUM,
    }


def _simulated() -> dict[str, Any]:
    from models.topics import simulation

    return simulation.projects()


MODEL = Pipeline[Text, Topic](
    name="topics",
    record=Text,
    rows="texts",
    answer=Topic,
    target="tag",
    task=Multiclass(),
    sample=Text.model_config["json_schema_extra"]["examples"],  # type: ignore[index]
    data=Source("simulated", "simulation", _simulated),
    table=Project,
    from_table=_texts,
    slices=_by_length,
    pipeline=_pipeline,
    search={"classifier__C": [3.0, 10.0, 30.0, 100.0]},
    describe=_described,
)
