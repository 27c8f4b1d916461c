"""What is measured follows from the models: any model can be asked, and its answers judged."""

import asyncio
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bentoml
import httpx
import pandas as pd
import pytest
from fastapi import FastAPI
from google.protobuf.message_factory import GetMessageClass
from pydantic import ValidationError

from framework import Bundle, Model
from framework.discovery import find_models
from framework.recipes.lightgbm import LightGBM
from load_tests import data
from load_tests.peers.schema import Schema
from load_tests.reference import Expected, WrongAnswerError
from load_tests.roles import MODELS, PRIMARY, assigned, primary
from load_tests.scenarios import scenarios_of
from load_tests.systems import fastapi_guide, fastapi_tuned, peers
from load_tests.systems.guide_model import GuideModel
from load_tests.systems.typed import typed
from tests.tables import write_table
from training.errors import TrainingError

AnyModel = Model[Any, Any]
PROOF = find_models("tests.models")
ALL = [*MODELS.values(), *PROOF.values()]
ROWS = 40
SERVED_BY_PEERS = [model for model in ALL if peers.can_serve(model)]
AS_IN_GUIDES = [model for model in ALL if fastapi_guide.suits(model)]
each_model = pytest.mark.parametrize("model", ALL, ids=lambda model: model.name)


@pytest.fixture
def stored(
    model: AnyModel,
    stored_models: dict[str, bentoml.Model],
    proof_models: dict[str, bentoml.Model],
) -> bentoml.Model:
    """The stored form of the model."""
    return (proof_models if model.name in proof_models else stored_models)[model.name]


@pytest.fixture
def read(model: AnyModel, tmp_path: Path) -> data.Data:
    """The rows that a model comes with, or those of a table made for the tests."""
    return data.read(model, None if model.data else str(write_table(model, tmp_path)))


@pytest.fixture
def rows(read: data.Data) -> list[dict[str, Any]]:
    """Some of its rows, as JSON has them."""
    found: list[dict[str, Any]] = json.loads(json.dumps(read.rows[:ROWS]))
    return found


@pytest.fixture
def answers(
    model: AnyModel, stored: bentoml.Model, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The framework's answers to them."""
    records = [model.record.model_validate(row) for row in rows]
    found = Bundle.load(model, stored).predict(records)
    return [answer.model_dump(mode="json") for answer in found]


def test_roles_are_given_by_what_models_are() -> None:
    roles = assigned(PROOF)
    boosted = [name for name, model in PROOF.items() if isinstance(model, LightGBM)]
    assert roles["table"] == boosted[:1]
    assert roles["text"] == []
    assert sorted(roles["other"]) == sorted(set(PROOF) - set(boosted[:1]))
    assert primary(PROOF).name == boosted[0]
    without = {name: model for name, model in PROOF.items() if name not in boosted}
    assert assigned(without)["table"] == list(without)[:1]
    with pytest.raises(LookupError, match="no model to measure"):
        primary({})


def test_models_of_numbers_are_asked_about_many_rows_too() -> None:
    scenarios = scenarios_of(PROOF)
    assert {one.rows for one in scenarios.values()} == {1, 100, 1_000}
    for name, one in scenarios.items():
        assert name == f"{one.model}-{one.rows}"
        assert one.title == f"{one.model}, {'one row' if one.rows == 1 else f'{one.rows:,} rows'}"


def test_rows_are_given_by_name_or_for_the_primary_model() -> None:
    other = list(MODELS)[-1]
    assert data.files(["some/table.csv", f"{other}=a=b.csv"]) == {
        PRIMARY.name: "some/table.csv",
        other: "a=b.csv",
    } | ({other: "a=b.csv"} if other == PRIMARY.name else {})
    assert data.files(["/with=equals/table.csv"]) == {PRIMARY.name: "/with=equals/table.csv"}
    with pytest.raises(ValueError, match=f"no model 'unheard_of'; there are: {PRIMARY.name}"):
        data.files(["unheard_of=table.csv"])


@each_model
def test_rows_of_a_file_are_those_of_the_model_itself(model: AnyModel, tmp_path: Path) -> None:
    if model.data is None:
        pytest.skip("it comes without rows")
    own = data.read(model)
    path = tmp_path / "table.csv"
    pd.DataFrame(dict(model.data.load())).to_csv(path, index=False)
    read = data.read(model, str(path))
    assert (read.rows, read.target) == (own.rows, own.target)
    assert read.source.startswith(f"table.csv (file), {len(own.rows):,} rows, SHA-256")
    assert own.source.startswith(f"{model.data.name} ({model.data.kind}), {len(own.rows):,} rows")
    for row in own.rows[:ROWS]:
        model.record.model_validate_json(json.dumps(row))


def test_a_model_without_rows_asks_for_a_file() -> None:
    model = copy.copy(PRIMARY)
    model.data = None
    with pytest.raises(TrainingError, match=f"--data {model.name}=PATH"):
        data.read(model)


@each_model
def test_the_reference_takes_right_answers_and_no_others(
    model: AnyModel,
    stored: bentoml.Model,
    rows: list[dict[str, Any]],
    answers: list[dict[str, Any]],
) -> None:
    expected = Expected(model, stored)
    expected.check(rows, answers)
    for wrong in _wrong(answers):
        with pytest.raises(WrongAnswerError):
            expected.check(rows, wrong)
    scores = expected.scores(expected.features(rows))
    expected.check_scores(rows, scores.ravel().tolist())
    for bare in (scores[:-1], scores + 1e-6):
        with pytest.raises(WrongAnswerError):
            expected.check_scores(rows, bare.tolist())


def _wrong(answers: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yields answers with one thing wrong."""
    yield answers[:-1]
    yield [{**answers[0], "more": 1}, *answers[1:]]
    for name in answers[-1]:
        yield [*answers[:-1], {**answers[-1], name: _changed(answers[-1][name])}]


def _changed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _changed(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_changed(one) for one in value]
    if isinstance(value, bool):
        return not value
    return f"{value}?" if isinstance(value, str) else value + 1e-6


@each_model
def test_typed_calls_hold_the_rows_and_their_answers_are_judged(
    model: AnyModel,
    stored: bentoml.Model,
    rows: list[dict[str, Any]],
    answers: list[dict[str, Any]],
) -> None:
    dialect, descriptor = typed(model), model.descriptor
    assert dialect is not None
    assert descriptor is not None
    request: Any = GetMessageClass(descriptor.message_types_by_name[model.request.__name__])
    sent = getattr(request.FromString(dialect.encode(rows)), model.rows)
    names = [field.name for field in model.encoder.fields if field.length is None]
    for row, one in zip(rows, sent, strict=True):
        assert {name: getattr(one, name) for name in names if one.HasField(name)} == {
            name: row[name] for name in names if row[name] is not None
        }
    reference: Any = {model.name: Expected(model, stored)}
    response: Any = GetMessageClass(descriptor.message_types_by_name["PredictResponse"])
    dialect.check(reference, rows, response(predictions=answers).SerializeToString())
    with pytest.raises(WrongAnswerError):
        dialect.check(reference, rows, response(predictions=answers[1:]).SerializeToString())


@each_model
def test_the_tuned_baseline_gives_the_same_answers(
    model: AnyModel, stored: bentoml.Model, rows: list[dict[str, Any]]
) -> None:
    async def ask(app: FastAPI) -> Any:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return (await client.post("/predict", json={model.rows: rows})).json()

    app = FastAPI()
    fastapi_tuned.add(app, "/predict", model, stored)
    Expected(model, stored).check(rows, asyncio.run(ask(app)))


@pytest.mark.parametrize("model", SERVED_BY_PEERS, ids=lambda model: model.name)
def test_peers_check_and_encode_rows_as_the_service_does(
    model: AnyModel, rows: list[dict[str, Any]]
) -> None:
    schema = Schema(json.loads(json.dumps(peers.description(model))))
    records = [model.record.model_validate(row) for row in rows]
    encoded = schema.matrix(schema.request.model_validate({model.rows: rows}))
    assert encoded.tobytes() == model.encoder.from_records(records).matrix.tobytes()
    for wrong in ({**rows[0], "more": 1}, dict.fromkeys(rows[0], "?"), {}):
        with pytest.raises(ValidationError):
            schema.request.model_validate({model.rows: [wrong]})


@pytest.mark.parametrize("model", AS_IN_GUIDES, ids=lambda model: model.name)
def test_the_guides_model_learns_and_answers_one_row(model: AnyModel, read: data.Data) -> None:
    few = slice(None, None, max(1, len(read.rows) // 500))
    guide = GuideModel(model, read.rows[few], read.target[few])
    answer = guide.predict(pd.DataFrame(read.rows[:1]))
    assert type(answer) is type(read.target[0])
    assert json.dumps({"prediction": answer})
