"""The short way through linear pipelines of texts gives what scikit-learn's own way gives."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import (
    ENGLISH_STOP_WORDS,
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from framework.recipes.text_apart import TextScores, packed
from framework.recipes.text_pipeline import TextClassifier, TextRegressor, quickened
from framework.recipes.text_terms import terms_of

TOLERANCE = 1e-9
CORPUS = [
    "The tree and the leaf, in rain; rain again. A_b x 7 42!",
    "Straße, Ärger, été: naïve CAFÉ & I\u0307stanbul",
    "лес и дождь, лес; 日本語 の 木 日本語, عربي نص, हिन्दी",
    "the pan, the oven: salt and soup don't mix well-known soup",
    "tree rain\tpan\x1csoup\u00a0leaf\u2028oven e\u0301te\u0301 Kelvin \u212a",
    "soup soup soup tree. Leaf rain-tree 42 7 é",
]
CLASSES = ["garden", "city", "forest", "kitchen", "city", "kitchen"]
VALUES = np.array([0.5, -1.0, 3.0, 2.5, 0.0, 7.0])
WORDS = sorted({word for text in CORPUS for word in text.split()} | {"the", "and", "Rain", ""})
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=30).map(" ".join),
    st.lists(st.sampled_from([*WORDS, ".", "-", "\n"]), max_size=30).map("".join),
)

VECTORIZERS: dict[str, dict[str, Any]] = {
    "usual": {},
    "pairs without stop words": {
        "ngram_range": (1, 2), "stop_words": "english", "sublinear_tf": True,
    },
    "pairs and triples alone": {"ngram_range": (2, 3), "norm": "l1"},
    "long runs": {"ngram_range": (1, 40), "norm": None},
    "binary": {"binary": True, "use_idf": False, "norm": "l1"},
    "sublinear without length": {"sublinear_tf": True, "norm": None, "smooth_idf": False},
    "own stop words": {"stop_words": ["the", "лес", "x"], "ngram_range": (1, 2)},
    "case": {"lowercase": False},
    "accents to ascii": {"strip_accents": "ascii", "ngram_range": (1, 2)},
    "accents as unicode": {"strip_accents": "unicode"},
    "accents by a function": {"strip_accents": str.swapcase},
    "single characters": {"token_pattern": r"(?u)\b\w+\b", "ngram_range": (1, 2)},
    "ascii pattern": {"token_pattern": r"(?a)\b\w\w+\b"},
    "pattern with a group": {"token_pattern": r"(\w)\w*"},
    "terms with spaces": {"token_pattern": r"[a-z ]+", "ngram_range": (1, 2)},
    "characters": {"analyzer": "char", "ngram_range": (1, 3)},
    "characters of words": {"analyzer": "char_wb", "ngram_range": (2, 4)},
    "tokenizer": {"tokenizer": str.split, "token_pattern": None, "ngram_range": (1, 2)},
    "preprocessor": {"preprocessor": str.upper},
    "analyzer": {"analyzer": str.split},
    "empty terms": {"ngram_range": (0, 2)},
    "few terms": {"max_features": 3, "ngram_range": (1, 2)},
    "vocabulary": {"vocabulary": {"soup": 1, "a b": 0, "soup soup": 2}, "ngram_range": (1, 2)},
}  # fmt: skip


def classifier() -> LogisticRegression:
    """A classifier that is sure of itself."""
    return LogisticRegression(C=30.0)


def fitted(*steps: Any, target: Any = CLASSES) -> Any:
    """A pipeline of steps, fitted to the corpus."""
    return make_pipeline(*steps).fit(CORPUS, target)


PIPELINES: dict[str, Any] = {
    name: fitted(TfidfVectorizer(**more), classifier()) for name, more in VECTORIZERS.items()
} | {
    "counts": fitted(CountVectorizer(), classifier()),
    "counts of 64-bit floats": fitted(CountVectorizer(dtype=np.float64), classifier()),
    "binary counts": fitted(CountVectorizer(binary=True, ngram_range=(1, 2)), classifier()),
    "two steps": fitted(
        CountVectorizer(ngram_range=(1, 2)), TfidfTransformer(sublinear_tf=True), classifier()
    ),
    "two classes": fitted(TfidfVectorizer(), classifier(), target=VALUES > 1),
    "no intercept": fitted(TfidfVectorizer(), LogisticRegression(fit_intercept=False)),
    "ridge": fitted(TfidfVectorizer(sublinear_tf=True), Ridge(0.1), target=VALUES),
    "ridge without intercept": fitted(
        CountVectorizer(), Ridge(fit_intercept=False), target=VALUES
    ),
    "linear": fitted(TfidfVectorizer(), LinearRegression(), target=VALUES),
    "two outputs": fitted(
        TfidfVectorizer(norm="l1"), Ridge(), target=np.column_stack([VALUES, -VALUES**2])
    ),
    "one output in a column": fitted(TfidfVectorizer(), Ridge(), target=VALUES[:, np.newaxis]),
}  # fmt: skip
QUICK = {name: quickened(pipeline) for name, pipeline in PIPELINES.items()}
APART = {
    name: TextScores(content)
    for name, pipeline in PIPELINES.items()
    if (content := packed(pipeline))
}
# Words that are found by more than lower case, a pattern and stop words.
NOT_APART = {
    *("accents to ascii", "accents as unicode", "accents by a function", "characters"),
    *("characters of words", "tokenizer", "preprocessor", "analyzer", "empty terms"),
}


def require_same(texts: list[str], names: Iterable[str] = PIPELINES) -> None:
    """All texts together, and each alone, score as scikit-learn has it."""
    batch = np.array(texts, dtype=object)
    for name in names:
        pipeline, quick = PIPELINES[name], QUICK[name]
        method = "predict" if isinstance(quick, TextRegressor) else "predict_proba"
        expected = getattr(pipeline, method)(batch)
        for one in (quick, APART.get(name, quick)):
            ones = [getattr(one, method)(batch[at : at + 1]) for at in range(len(texts))]
            for actual in (getattr(one, method)(batch), np.concatenate(ones)):
                np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE, err_msg=name)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_that_is_known_takes_the_short_way(name: str) -> None:
    is_classifier = hasattr(PIPELINES[name], "predict_proba")

    assert type(QUICK[name]) is (TextClassifier if is_classifier else TextRegressor)
    assert QUICK[name].named_steps == PIPELINES[name].named_steps
    if is_classifier:
        assert QUICK[name].predict(CORPUS).tolist() == PIPELINES[name].predict(CORPUS).tolist()


def test_what_needs_no_more_of_scikit_learn_is_told() -> None:
    assert PIPELINES.keys() - APART.keys() == NOT_APART
    assert packed(fitted(TfidfVectorizer(), SGDClassifier())) == b""


@given(
    st.lists(TEXTS, min_size=1, max_size=4),
    st.lists(st.sampled_from(sorted(PIPELINES)), min_size=5, max_size=5, unique=True),
)
def test_scores_are_scikit_learns(texts: list[str], names: list[str]) -> None:
    require_same(texts, names)


@pytest.mark.parametrize(
    "texts",
    [
        [""],
        ["", "soup", ""],
        [" ".join(sorted(ENGLISH_STOP_WORDS))],
        ["the and", "\u0301", "\U0001f916 \ud800"],
        CORPUS * 10,
    ],
    ids=["empty", "between empty ones", "stop words", "no words", "many"],
)
def test_scores_are_scikit_learns_at_the_borders(texts: list[str]) -> None:
    require_same(texts)


@pytest.mark.parametrize(
    "text", [" ".join(CORPUS) * 1_000, "tree soup, " * 10_000, "x" * 100_000, "é" * 100_000]
)
def test_scores_of_a_long_text_are_scikit_learns(text: str) -> None:
    names = ["usual", "pairs without stop words", "characters", "two outputs"]

    require_same([text[:100_000], "rain"], names)


@given(TEXTS)
def test_terms_are_those_of_the_vectorizers_own_analyzer(text: str) -> None:
    for name, pipeline in PIPELINES.items():
        expected = pipeline[0].build_analyzer()(text)

        assert sorted(terms_of(pipeline[0])(text)) == sorted(expected), name


def test_every_ascii_character_is_of_a_word_or_between_words_as_the_pattern_has_it() -> None:
    vectorizer = TfidfVectorizer(lowercase=False)
    for one in map(chr, range(128)):
        text = f"ab{one}cd {one} {one}{one}"
        assert list(terms_of(vectorizer)(text)) == vectorizer.build_analyzer()(text)


def test_texts_are_scored_from_several_threads() -> None:
    texts = [*CORPUS, ""] * 30
    quick = QUICK["pairs without stop words"]
    expected = PIPELINES["pairs without stop words"].predict_proba(texts)
    with ThreadPoolExecutor(4) as pool:
        scores = list(pool.map(lambda text: quick.predict_proba([text])[0], texts))
    np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)


class Halved(TfidfVectorizer):  # type: ignore[misc]
    """A vectorizer with an idea of its own."""

    def transform(self, raw_documents: Any) -> Any:
        return super().transform(raw_documents) / 2


def changed(change: Callable[[Any, Any], None]) -> Any:
    """A fitted pipeline whose vectorizer and classifier were then changed by hand."""
    pipeline = fitted(TfidfVectorizer(), classifier())
    change(*pipeline)
    return pipeline


def infinite(vectorizer: Any, _: Any) -> None:
    vectorizer.idf_ = np.full(len(vectorizer.vocabulary_), np.inf)


def swapped(vectorizer: Any, linear: Any) -> None:
    linear.coef_ = linear.coef_.astype(np.float32)


OTHERS: dict[str, Any] = {
    "another linear model": lambda: fitted(TfidfVectorizer(), SGDClassifier(loss="log_loss")),
    "one against the rest": lambda: fitted(TfidfVectorizer(), OneVsRestClassifier(classifier())),
    "another vectorizer": lambda: fitted(HashingVectorizer(n_features=64), classifier()),
    "a vectorizer of one's own": lambda: fitted(Halved(), classifier()),
    "a step between": lambda: fitted(TfidfVectorizer(), MaxAbsScaler(), classifier()),
    "a step that is switched off": lambda: fitted(TfidfVectorizer(), "passthrough", classifier()),
    "32 bits": lambda: fitted(TfidfVectorizer(dtype=np.float32), classifier()),
    "counts that overflow": lambda: fitted(CountVectorizer(dtype=np.int8), classifier()),
    "infinite weights": lambda: changed(infinite),
    "coefficients of 32 bits": lambda: changed(swapped),
    "parameters changed later": lambda: changed(lambda tfidf, _: tfidf.set_params(norm="l1")),
    "places changed later": lambda: changed(lambda tfidf, _: tfidf.vocabulary_.update(soup=99)),
    "files": lambda: changed(lambda tfidf, _: tfidf.set_params(input="filename")),
    "numbers": lambda: make_pipeline(MaxAbsScaler(), Ridge()).fit([[1.0], [2.0]], [1.0, 2.0]),
    "no pipeline": lambda: LogisticRegression().fit([[1.0], [2.0]], [1, 2]),
    "not scikit-learn's": BaseEstimator,
}


@pytest.mark.parametrize("name", OTHERS)
def test_any_other_pipeline_is_left_as_it_is(name: str) -> None:
    pipeline = OTHERS[name]()

    assert quickened(pipeline) is pipeline
