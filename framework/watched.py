"""What is watched of records and answers: the same columns for held-out rows and for live ones."""

import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from framework.answers import answer_fields
from framework.fields import FieldSpec
from framework.model import Model
from framework.records import Records
from framework.reference import Column, Words

MOST_WORDS = 8_192
"""Most words of a text field that the card keeps: 44 kB."""

TRUTH = ("false", "true")
_WORD = re.compile(r"\w\w+")


def of_records(
    model: Model[Any, Any],
    records: Records[Any],
    words: Mapping[str, Words],
    left_out: Collection[str] = (),
) -> dict[str, Column]:
    """Returns what is watched of records.

    That is every field, each element of a list by itself, every column that the model derives of
    them, and of a text its length and the share of its words that no training text has.

    Args:
        model: Whose records they are.
        records: The records.
        words: Text field → the words of the training texts.
        left_out: Fields whose values are not known; nothing derived is watched then.
    """
    columns = records.columns
    found: dict[str, Column] = {}
    for field in model.encoder.fields:
        if field.name not in left_out:
            found.update(_of_field(field, columns[field.name], words.get(field.name)))
    if not left_out:
        for name, values in model.derived(records).items():
            found[name] = Column(np.asarray(values, dtype=np.float64))
    return found


def of_answers(
    answer: type[BaseModel], columns: Mapping[str, NDArray[Any]], classes: Sequence[str]
) -> dict[str, Column]:
    """Returns what is watched of answers: numbers, the class, and the highest probability.

    What says yes or no is not: it follows from the probability beside it.

    Args:
        answer: Type of an answer.
        columns: Field of the answers → its values.
        classes: Names of the classes, in the order of a mapping's columns.
    """
    fields = answer_fields(answer)
    has_number = any(one.shape == "single" and one.kind == "float" for one in fields)
    found: dict[str, Column] = {}
    for one in fields:
        values = columns[one.name]
        if one.shape == "list":
            found |= {f"{one.name}_{at}": Column(each) for at, each in enumerate(values.T)}
        elif one.shape == "labelled":
            if not has_number:
                found[f"{one.name}.highest"] = Column(values.max(axis=1))
        elif one.kind in ("text", "int"):
            places = {name: float(at) for at, name in enumerate(classes)}
            codes = np.array([places[str(value)] for value in values.tolist()], dtype=np.float64)
            found[one.name] = Column(codes, tuple(classes))
        elif one.kind == "float":
            found[one.name] = Column(values)
    return found


def words_of(texts: Iterable[str | None]) -> Words:
    """Returns the words that most of some texts have."""
    counted = Counter(hash_ for text in texts if text for hash_ in set(_hashes(text)))
    ranked = sorted(counted, key=lambda hash_: (-counted[hash_], hash_))
    return Words.of(ranked[:MOST_WORDS])


def _of_field(field: FieldSpec, values: Any, words: Words | None) -> Iterator[tuple[str, Column]]:
    if field.kind == "text":
        yield f"{field.name}.length", _of_texts(values, len)
        if words is not None:
            known = words.known
            yield f"{field.name}.unknown_words", _of_texts(values, lambda text: _new(text, known))
        return
    categories = TRUTH if field.kind == "bool" else tuple(map(str, field.categories))
    columns = [values] if field.length is None else values.T
    for name, column in zip(field.columns, columns, strict=True):
        yield name, Column(column, categories)


def _of_texts(texts: Iterable[str | None], measure: Any) -> Column:
    measured = [np.nan if text is None else measure(text) for text in texts]
    return Column(np.array(measured, dtype=np.float64))


def _new(text: str, known: frozenset[int]) -> float:
    """The share of a text's words that are not known."""
    hashes = list(_hashes(text))
    return sum(one not in known for one in hashes) / max(len(hashes), 1)


def _hashes(text: str) -> Iterator[int]:
    return (zlib.crc32(word.encode()) for word in _WORD.findall(text.lower()))
