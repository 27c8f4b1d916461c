"""Linear pipelines of texts, read by a process of its own: scikit-learn is not kept in a worker.

With what it brings along it is 90 MB, of which a linear pipeline of texts needs nothing any more
once its terms and weights are known. The process loads the stored pipeline, which is the truth, and
checks that what it hands over scores alike; anything else a worker loads itself.
"""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from framework.recipes.text_linear import LinearTexts, Numbers, Texts, probabilities

_ROOT = Path(__file__).parents[2]
_SECONDS = 60


class TextScores:
    """A pipeline's scores, without the pipeline.

    Args:
        content: What `packed` returned.
    """

    def __init__(self, content: bytes) -> None:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            head = json.loads(arrays["head"].tobytes())
            linear = SimpleNamespace(coef_=arrays["coef"], intercept_=arrays["intercept"])
            idf = arrays.get("idf")
        self._is_flat = linear.coef_.ndim == 1
        weighting = SimpleNamespace(**head["weighting"], idf_=idf)
        self._linear_texts = LinearTexts(_Vectorizer(**head["vectorizer"]), weighting, linear)

    def predict_proba(self, texts: Texts) -> Numbers:
        """Returns the probability of each class, shape `[N, classes]`."""
        return probabilities(self._linear_texts(texts))

    def predict(self, texts: Texts) -> Numbers:
        """Returns the value of each text, shape `[N]`, or `[N, outputs]`."""
        values = self._linear_texts(texts)
        return values[:, 0] if self._is_flat else values


def load(path: Path) -> TextScores | None:
    """Has a stored pipeline read by another process.

    Returns:
        Its scores; None if the pipeline has to be loaded here, or scikit-learn is here anyway.
    """
    if "sklearn" in sys.modules:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", __name__, str(path)],
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        # What is wrong with a model shows when it is loaded here.
        return None
    return TextScores(done.stdout) if done.stdout else None


def packed(pipeline: Any) -> bytes:
    """Returns what `TextScores` needs; nothing of a pipeline that it could not stand for.

    Args:
        pipeline: A fitted one of scikit-learn's.
    """
    from framework.recipes import text_pipeline

    quick = text_pipeline.quickened(pipeline)
    if not isinstance(quick, text_pipeline.Quick):
        return b""
    *before, linear = [step for _, step in pipeline.steps]
    vectorizer, weighting = before[0], before[-1]
    if not _is_plain(vectorizer):
        return b""
    stop_words = vectorizer.get_stop_words()
    vocabulary = vectorizer.vocabulary_
    head = {
        "vectorizer": {
            "terms": sorted(vocabulary, key=vocabulary.__getitem__),
            "binary": vectorizer.binary,
            "lowercase": vectorizer.lowercase,
            "ngram_range": list(vectorizer.ngram_range),
            "token_pattern": vectorizer.token_pattern,
            "stop_words": None if stop_words is None else sorted(stop_words),
        },
        "weighting": {
            "sublinear_tf": getattr(weighting, "sublinear_tf", False),
            "norm": getattr(weighting, "norm", None),
        },
    }
    arrays = {"coef": linear.coef_, "intercept": np.asarray(linear.intercept_)}
    if (idf := getattr(weighting, "idf_", None)) is not None:
        arrays["idf"] = idf
    buffer = io.BytesIO()
    np.savez(buffer, head=np.frombuffer(json.dumps(head).encode(), np.uint8), **arrays)
    content = buffer.getvalue()
    return content if text_pipeline.agree(TextScores(content), pipeline, quick.method) else b""


def _is_plain(vectorizer: Any) -> bool:
    """Whether its words are found by nothing but lower case, a pattern and stop words."""
    given = (vectorizer.tokenizer, vectorizer.preprocessor, vectorizer.strip_accents)
    return (
        vectorizer.analyzer == "word"
        and vectorizer.ngram_range[0] > 0
        and given == (None, None, None)
        and all(type(term) is str for term in vectorizer.vocabulary_)
    )


@dataclass(frozen=True)
class _Vectorizer:
    """What `LinearTexts` asks a vectorizer of scikit-learn's."""

    terms: list[str]
    binary: bool
    lowercase: bool
    ngram_range: tuple[int, int]
    token_pattern: str
    stop_words: list[str] | None
    analyzer: str = "word"
    tokenizer: None = None
    preprocessor: None = None
    strip_accents: None = None

    @property
    def vocabulary_(self) -> dict[str, int]:
        return {term: at for at, term in enumerate(self.terms)}

    def build_preprocessor(self) -> Callable[[str], str]:
        return str.lower if self.lowercase else str

    def build_tokenizer(self) -> Callable[[str], list[str]]:
        return re.compile(self.token_pattern).findall

    def get_stop_words(self) -> frozenset[str] | None:
        return None if self.stop_words is None else frozenset(self.stop_words)


def _main() -> None:
    from framework.recipes import skops_archive

    path = Path(sys.argv[1])
    sys.stdout.buffer.write(packed(skops_archive.loads(path.read_bytes(), str(path))))


if __name__ == "__main__":
    _main()
