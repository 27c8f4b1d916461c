"""Ways in which the rows of a window may come from elsewhere."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from framework.fields import FieldSpec
from framework.model import Model
from framework.records import Records
from training.rows import Rows

Draw = Callable[[Rows, int, Generator], Rows]
RARE = 0.05
MORE = 1.5
SOME = 0.1
BEGINNING = 0.3
_GERMAN = """
der die das und mit für von auf eine einen wir unser Modell Daten Bilder Texte Netz Verfahren
Vorhersage Auswertung Werkzeug Sammlung schnell einfach lernen erkennen erklären vergleichen
"""


@dataclass(frozen=True)
class Shift:
    """One of them.

    Attributes:
        name: What is different, for people.
        draw: Draws rows for a window of a size, and changes them.
    """

    name: str
    draw: Draw


def shifts_of(model: Model[Any, Any], rows: Rows) -> list[Shift]:
    """Returns seven shifts that suit a model's records."""
    return _of_texts(model, rows) if model.encoder.texts else _of_numbers(model, rows)


def _of_numbers(model: Model[Any, Any], rows: Rows) -> list[Shift]:
    matrix = rows.records.matrix
    columns = model.encoder.columns
    distinct = [len(np.unique(matrix[:, at])) for at in range(len(columns))]
    most = int(np.argmax(distinct))
    by_size = sorted(_categories(model), key=lambda field: len(field.categories))
    small, large = by_size[0], by_size[-1]
    shares = _shares(rows, columns.index(large.name), len(large.categories))
    second = int(np.argsort(-shares)[1])
    rare = int(np.abs(shares - RARE).argmin())
    common = int(_shares(rows, columns.index(small.name), len(small.categories)).argmax())
    number = columns[most]
    return [
        Shift(f"mean of {number} + 0.2 sd", _changed(most, _moved)),
        Shift(
            f"twice as many of {large.name}={large.categories[second]}",
            _mixed(_is(columns.index(large.name), second), 2 * shares[second]),
        ),
        Shift(
            f"no {large.name}={large.categories[rare]} ({shares[rare]:.0%})",
            _mixed(_is(columns.index(large.name), rare), 0),
        ),
        Shift(
            f"only {small.name}={small.categories[common]}",
            _mixed(_is(columns.index(small.name), common), 1),
        ),
        _more_positive(rows),
        Shift(f"{number} permuted", _changed(most, lambda values, rng: rng.permutation(values))),
        Shift(f"a tenth of {number} at its median", _changed(most, _stuck)),
    ]


def _of_texts(model: Model[Any, Any], rows: Rows) -> list[Shift]:
    (name,) = model.encoder.texts
    shares = _class_shares(rows)
    order = np.argsort(-shares)
    rare = int(np.abs(shares - RARE).argmin())
    first, second = (int(at) for at in order[:2])
    named = rows.classes
    more, fewer = shares[first] * MORE, shares[second] / 2
    return [
        Shift(f"{named[first]}: {shares[first]:.0%} → {more:.0%}", _mixed(_of_class(first), more)),
        Shift(
            f"{named[second]}: {shares[second]:.0%} → {fewer:.0%}",
            _mixed(_of_class(second), fewer),
        ),
        Shift(f"no {named[rare]} ({shares[rare]:.0%})", _mixed(_of_class(rare), 0)),
        Shift("titles only", _said(name, _title, 1)),
        Shift("a tenth of the words reversed", _said(name, _misspelt, 1)),
        Shift("a tenth of the texts in German", _said(name, _german, SOME)),
        Shift("a tenth of the texts said twice", _said(name, lambda text: f"{text} {text}", SOME)),
    ]


def _more_positive(rows: Rows) -> Shift:
    share = float(_class_shares(rows)[1])
    title = f"{rows.classes[1]}: {share:.0%} → {share * MORE:.0%}"
    return Shift(title, _mixed(_of_class(1), share * MORE))


def drawn(rows: Rows, size: int, rng: Generator) -> Rows:
    """Draws rows as they come."""
    return rows.take(rng.permutation(len(rows))[:size])


def _mixed(chosen: Callable[[Rows], NDArray[np.bool_]], share: float) -> Draw:
    """Draws rows of which a share are chosen ones, as far as there are enough."""

    def draw(rows: Rows, size: int, rng: Generator) -> Rows:
        is_chosen = chosen(rows)
        wanted = round(size * share)
        parts = [
            rng.permutation(np.flatnonzero(which))[:count]
            for which, count in ((is_chosen, wanted), (~is_chosen, size - wanted))
        ]
        return rows.take(np.concatenate(parts))

    return draw


def _changed(
    at: int, change: Callable[[NDArray[np.float64], Generator], NDArray[np.float64]]
) -> Draw:
    """Draws rows and changes a column."""

    def draw(rows: Rows, size: int, rng: Generator) -> Rows:
        some = drawn(rows, size, rng)
        matrix = some.records.matrix.copy()
        matrix[:, at] = change(matrix[:, at], rng)
        return _with(some, Records(some.records.encoder, matrix, dict(some.records.texts)))

    return draw


def _said(name: str, change: Callable[[str], str], share: float) -> Draw:
    """Draws texts and changes a share of them."""

    def draw(rows: Rows, size: int, rng: Generator) -> Rows:
        some = drawn(rows, size, rng)
        texts = some.records.texts[name]
        hit = rng.random(len(texts)) < share
        said = [change(text) if is_hit else text for text, is_hit in zip(texts, hit, strict=True)]
        records = some.records
        return _with(some, Records(records.encoder, records.matrix, {**records.texts, name: said}))

    return draw


def _with(rows: Rows, records: Records[Any]) -> Rows:
    return Rows(records, rows.target, rows.classes)


def _moved(values: NDArray[np.float64], rng: Generator) -> NDArray[np.float64]:
    # What lies beyond the largest value would be told by that alone.
    moved: NDArray[np.float64] = np.minimum(values + 0.2 * values.std(), values.max())
    return moved


def _stuck(values: NDArray[np.float64], rng: Generator) -> NDArray[np.float64]:
    return np.where(rng.random(len(values)) < SOME, np.median(values), values)


def _title(text: str) -> str:
    words = text.split()
    return " ".join(words[: max(1, round(len(words) * BEGINNING))])


def _misspelt(text: str) -> str:
    return " ".join(word[::-1] if at % 10 == 4 else word for at, word in enumerate(text.split()))


def _german(text: str) -> str:
    """Says something else in German, as long, and other for other texts."""
    rng = np.random.default_rng(zlib.crc32(text.encode()))
    return " ".join(rng.choice(_GERMAN.split(), len(text.split())).tolist())


def _is(at: int, code: int) -> Callable[[Rows], NDArray[np.bool_]]:
    return lambda rows: rows.records.matrix[:, at] == code


def _of_class(at: int) -> Callable[[Rows], NDArray[np.bool_]]:
    return lambda rows: rows.target == at


def _categories(model: Model[Any, Any]) -> list[FieldSpec]:
    return [field for field in model.encoder.fields if field.categories]


def _shares(rows: Rows, at: int, count: int) -> NDArray[np.float64]:
    return _frequencies(rows.records.matrix[:, at], count)


def _class_shares(rows: Rows) -> NDArray[np.float64]:
    return _frequencies(rows.target, len(rows.classes))


def _frequencies(codes: NDArray[Any], count: int) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.bincount(codes.astype(np.intp), minlength=count) / len(codes)
    return shares
