"""The terms of a text, as scikit-learn's vectorizers find them, in less time."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, cast

Terms = Callable[[str], Iterable[Any]]

_USUAL_PATTERN = r"(?u)\b\w\w+\b"
_ASCII = list(map(chr, range(128)))
# What that pattern takes for words, but for their length.
_SINGLE = frozenset(one for one in _ASCII if one.isalnum() or one == "_")
_SPACED = "".join(one if one in _SINGLE else " " for one in _ASCII)


def terms_of(vectorizer: Any) -> Terms:
    """Returns a function that finds the terms of a text, each as often as it is there.

    They are those of the vectorizer's `build_analyzer()`, in any order. Most of that one's time
    goes into a regular expression and a loop that joins words: words of ASCII characters are found
    by splitting as well, and one call joins them all.

    Args:
        vectorizer: A `CountVectorizer` or `TfidfVectorizer` with `input="content"`.
    """
    if vectorizer.analyzer != "word" or _has_code(vectorizer) or vectorizer.ngram_range[0] < 1:
        return cast(Terms, vectorizer.build_analyzer())
    least, most = vectorizer.ngram_range
    prepared, split = vectorizer.build_preprocessor(), vectorizer.build_tokenizer()
    left_out = vectorizer.get_stop_words() or frozenset()
    is_usual = vectorizer.token_pattern == _USUAL_PATTERN
    if is_usual:
        left_out |= _SINGLE

    def terms(text: str) -> Iterable[str]:
        text = prepared(text)
        found = text.translate(_SPACED).split() if is_usual and text.isascii() else split(text)
        words = [word for word in found if word not in left_out]
        if most == 1:
            return words
        # As many words each, from every word on.
        runs = (
            zip(*[words[start:] for start in range(length)], strict=False)
            for length in range(max(least, 2), min(most, len(words)) + 1)
        )
        joined = map(" ".join, chain.from_iterable(runs))
        return chain(words, joined) if least == 1 else joined

    return terms


def _has_code(vectorizer: Any) -> bool:
    """Whether it has functions of somebody's own, which may return anything."""
    given = (vectorizer.tokenizer, vectorizer.preprocessor, vectorizer.strip_accents)
    return any(map(callable, given))
