"""What the libraries themselves answer, with an encoding of the tests' own."""

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import bentoml
import lightgbm
import numpy as np
import skops.io
from numpy.typing import NDArray

from framework import Model


def expected_answers(
    model: Model[Any, Any], stored: bentoml.Model, records: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Computes the answers to valid records from the stored files, past all code under test."""
    card = json.loads(Path(stored.path_of("card.json")).read_text())
    scores = _scores(card, stored, encode(model, records))
    fields = model.answer.model_json_schema()["properties"]
    return [_answer(card, fields, row) for row in scores]


def encode(model: Model[Any, Any], records: list[dict[str, Any]]) -> NDArray[Any]:
    """Encodes valid records by what the JSON schema of their type says."""
    schema = model.record.model_json_schema(by_alias=False)
    columns: dict[str, NDArray[Any]] = {}
    texts: list[NDArray[Any]] = []
    for name, field in schema["properties"].items():
        kind = next((one for one in field.get("anyOf", []) if one.get("type") != "null"), field)
        values = [record.get(name, field.get("default")) for record in records]
        known = kind.get("enum", [kind["const"]] if "const" in kind else None)
        if known is not None:
            values = [None if value is None else known.index(value) for value in values]
        elif kind["type"] == "string":
            texts.append(np.array([value or "" for value in values], dtype=object))
            continue
        elif kind["type"] == "array":
            missing = [None] * kind["minItems"]
            values = [missing if value is None else value for value in values]
        columns[name] = np.array(values, dtype=float)
    derived = model._derived(columns) if model._derived else {}
    numbers = [*columns.values(), *derived.values()]
    if len(texts) == 1 and not numbers:
        return texts[0]
    matrix = np.column_stack(numbers)
    return np.column_stack([matrix.astype(object), *texts]) if texts else matrix


def _scores(card: dict[str, Any], stored: bentoml.Model, features: NDArray[Any]) -> Any:
    if card["framework"] == "lightgbm":
        paths = sorted(
            Path(stored.path).glob("model*.txt"), key=lambda path: (len(path.name), path)
        )
        return np.column_stack([_booster(path).predict(features) for path in paths])
    pipeline = _pipeline(stored.path_of("model.skops"))
    if card["task"] in ("regression", "multi_output"):
        return pipeline.predict(features).reshape(len(features), -1)
    probabilities = pipeline.predict_proba(features)
    if card["task"] == "binary":
        return probabilities[:, 1:]
    assert pipeline.classes_.tolist() in (card["classes"], list(range(len(card["classes"]))))
    return probabilities


@cache
def _booster(path: Path) -> lightgbm.Booster:
    return lightgbm.Booster(model_file=path)


@cache
def _pipeline(path: str) -> Any:
    return skops.io.load(path)


def _answer(card: dict[str, Any], fields: dict[str, Any], scores: NDArray[Any]) -> dict[str, Any]:
    kinds = {name: field.get("type", "string") for name, field in fields.items()}
    if card["task"] == "binary":
        (score,) = scores.tolist()
        values = {"number": score, "boolean": score >= card["threshold"]}
        return {name: values[kind] for name, kind in kinds.items()}
    if card["task"] == "multiclass":
        best = int(scores.argmax())
        values = {
            "number": float(scores[best]),
            "object": dict(zip(card["classes"], scores.tolist(), strict=True)),
            "string": card["classes"][best],
        }
        if "integer" in kinds.values():
            values["integer"] = int(card["classes"][best])
        return {name: values[kind] for name, kind in kinds.items()}
    if list(kinds.values()) == ["array"]:
        return {name: scores.tolist() for name in fields}
    return dict(zip(fields, scores.tolist(), strict=True))


def close(given: Any, expected: Any, tolerance: float) -> bool:
    """Whether two answers are the same, but for the last bits of their numbers."""
    if isinstance(expected, dict):
        return (
            isinstance(given, dict)
            and given.keys() == expected.keys()
            and all(close(given[name], value, tolerance) for name, value in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(given, list)
            and len(given) == len(expected)
            and all(close(*pair, tolerance) for pair in zip(given, expected, strict=True))
        )
    if isinstance(expected, float):
        same = math.isclose(given, expected, rel_tol=tolerance, abs_tol=tolerance)
        return type(given) in (int, float) and same
    return type(given) is type(expected) and bool(given == expected)
