"""What a note is about: texts made of two columns, several classes, a rule that is a pattern."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from framework import Multiclass, Source
from framework.recipes.pipeline import Pipeline

_WORDS = {
    "garden": "tree leaf soil rain",
    "kitchen": "pan oven salt soup",
    "music": "drum tune bass",
}


class Note(BaseModel):
    text: str = Field(min_length=1, max_length=200, pattern=r"^[^#]*$")


class Row(BaseModel):
    title: str = Field(min_length=1)
    body: str | None = None


class Subject(BaseModel):
    subject: str
    probabilities: dict[str, float]


def _notes() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    subjects = rng.choice(list(_WORDS), 150)
    texts = [" ".join(rng.choice(_WORDS[one].split(), 6)) for one in subjects]
    return {
        "title": [f"{text} {at}" for at, text in enumerate(texts)],
        "body": [None if at % 5 == 0 else text for at, text in enumerate(texts)],
        "subject": subjects,
    }


def _text(columns: Mapping[str, Any]) -> dict[str, Any]:
    pairs = zip(columns["title"], columns["body"], strict=True)
    return {"text": [f"{title} {body or ''}".strip() for title, body in pairs]}


def _pipeline() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TfidfVectorizer(), LogisticRegression())


MODEL = Pipeline[Note, Subject](
    name="notes",
    record=Note,
    answer=Subject,
    target="subject",
    task=Multiclass(),
    sample=[{"text": "rain"}],
    table=Row,
    from_table=_text,
    data=Source("simulated", "simulation", _notes),
    pipeline=_pipeline,
    search={"logisticregression__C": [1.0, 10.0]},
    folds=3,
)
