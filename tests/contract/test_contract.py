"""What every surface promises of every model, tested alike on each.

The requests are made from the record types, the answers from the stored files by the libraries
themselves. What is particular to a model is tested in its own folder.
"""

import random
from typing import Any

import bentoml
import pytest

from framework import MAX_ROWS, Model
from framework.discovery import find_models
from tests.contract.cases import Refused, edge_records, random_records
from tests.contract.expected import close, expected_answers
from tests.contract.fixtures import for_models, is_proof
from tests.contract.surfaces import RefusedError, Surface

TOLERANCE = 1e-9
CONTRACT_MODELS = {**find_models("tests.models"), **find_models()}
"""A served model hides the proof of the same name."""


@pytest.fixture
def stored(model: Model[Any, Any], request: pytest.FixtureRequest) -> bentoml.Model:
    """The stored model behind the test's."""
    models = request.getfixturevalue("proof_models" if is_proof(model) else "stored_models")
    found: bentoml.Model = models[model.name]
    return found


def predict(surface: Surface, model: Model[Any, Any], records: list[Any]) -> list[dict[str, Any]]:
    """The answers to records."""
    return surface.call(f"predict_{model.name}", records)


@pytest.mark.parametrize("count", [1, 2, None], ids=["one", "two", "all"])
def test_answers_are_the_librarys_own(
    surface: Surface, model: Model[Any, Any], stored: bentoml.Model, count: int | None
) -> None:
    records = edge_records(model)[:count]

    answers = predict(surface, model, records)

    expected = expected_answers(model, stored, records)
    assert close(answers, expected, TOLERANCE)
    assert all(list(answer) == list(model.answer.model_fields) for answer in answers)


def test_a_thousand_rows_are_answered_in_order(
    surface: Surface, model: Model[Any, Any], stored: bentoml.Model
) -> None:
    records = random_records(model, 1_000)

    answers = predict(surface, model, records)

    assert close(answers, expected_answers(model, stored, records), TOLERANCE)
    for row in (0, 1, 499, 998, 999):
        assert close(predict(surface, model, [records[row]]), [answers[row]], TOLERANCE)


def test_an_answer_does_not_depend_on_the_other_rows(
    surface: Surface, model: Model[Any, Any]
) -> None:
    records = edge_records(model)
    order = random.Random(0).sample(range(len(records)), len(records))

    answers = predict(surface, model, records)
    shuffled = predict(surface, model, [records[row] for row in order])

    assert close(shuffled, [answers[row] for row in order], TOLERANCE)


@for_models(lambda model: any(len(field.names) > 1 for field in model.encoder.fields))
def test_a_field_may_go_by_any_of_its_names(surface: Surface, model: Model[Any, Any]) -> None:
    aliases = {field.name: field.names[-1] for field in model.encoder.fields}
    (record, *_) = model.sample
    spelt = {aliases[name]: value for name, value in record.items()}

    assert predict(surface, model, [spelt]) == predict(surface, model, [dict(record)])


@for_models(lambda model: not all(field.required for field in model.encoder.fields))
def test_a_field_that_is_left_out_has_its_default(surface: Surface, model: Model[Any, Any]) -> None:
    defaults = {field.name: field.default for field in model.encoder.fields if not field.required}
    given = [{**record, **defaults} for record in edge_records(model)]
    left_out = [
        {name: value for name, value in record.items() if name not in defaults} for record in given
    ]

    assert predict(surface, model, left_out) == predict(surface, model, given)


@for_models(lambda model: model.explanation)
def test_explanations_are_of_the_answers_they_explain(
    surface: Surface, model: Model[Any, Any]
) -> None:
    assert model.explanation is not None
    records = edge_records(model)

    answers = predict(surface, model, records)
    explanations = surface.call(f"explain_{model.name}", records)

    shared = model.answer.model_fields.keys() & model.explanation.model_fields.keys()
    assert shared
    for answer, explanation in zip(answers, explanations, strict=True):
        assert list(explanation) == list(model.explanation.model_fields)
        assert {name: explanation[name] for name in shared} == {
            name: answer[name] for name in shared
        }


def test_invalid_input_is_refused_with_its_place(
    surface: Surface, model: Model[Any, Any], case: Refused
) -> None:
    with pytest.raises(RefusedError) as refused:
        surface.call(case.api, case.records)

    assert refused.value.code == "invalid_input"
    assert tuple(refused.value.detail[0].loc) == case.loc
    assert str(refused.value).startswith(".".join(str(part) for part in case.loc) + ": ")


def test_too_many_rows_are_refused_for_their_number(
    surface: Surface, model: Model[Any, Any]
) -> None:
    with pytest.raises(RefusedError) as refused:
        predict(surface, model, [dict(model.sample[0])] * (MAX_ROWS + 1))

    assert refused.value.code == "payload_too_large"
