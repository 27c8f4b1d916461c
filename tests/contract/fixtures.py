"""The surfaces under test, for the suite of all models and for each model's own tests."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from framework import Model
from tests.contract.cases import refused
from tests.contract.columns import BinaryColumns, GrpcColumns, JsonColumns
from tests.contract.surfaces import ConnectSurface, GrpcSurface, HttpSurface, LocalSurface, Surface

Test = TypeVar("Test", bound=Callable[..., None])
Fixture = Callable[[str], Any]
"""Returns a fixture by its name."""

_OBJECTS = {"server": "service_object", "proof_server": "proof_object"}
SURFACES: dict[str, Callable[[Fixture, str], Surface]] = {
    "local": lambda get, of: LocalSurface(get(_OBJECTS[of])),
    "http": lambda get, of: HttpSurface(get(of).url),
    "grpc": lambda get, of: GrpcSurface(get(of).grpc),
    "connect-json": lambda get, of: ConnectSurface(get(of).url, is_json=True),
    "connect-proto": lambda get, of: ConnectSurface(get(of).url, is_json=False),
    "v2-json": lambda get, of: JsonColumns(get(of).url),
    "v2-binary": lambda get, of: BinaryColumns(get(of).url),
    "v2-grpc": lambda get, of: GrpcColumns(get(of).grpc, raw=False),
    "v2-grpc-raw": lambda get, of: GrpcColumns(get(of).grpc, raw=True),
}


def is_proof(model: Model[Any, Any]) -> bool:
    """Whether it is one of `tests.models`, which a server of their own serves."""
    return model.package.startswith("tests.")


def for_models(condition: Callable[[Model[Any, Any]], object]) -> Callable[[Test], Test]:
    """Has a test of the contract run only for the models that it can be said of."""

    def marked(test: Test) -> Test:
        test.condition = condition  # type: ignore[attr-defined]
        return test

    return marked


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives each test of the contract each model, and each request that is to be refused.

    A module is of the contract if it has `CONTRACT_MODELS`, the models by name.
    """
    models = getattr(metafunc.module, "CONTRACT_MODELS", None)
    if models is None or "model" not in metafunc.fixturenames:
        return
    condition = getattr(metafunc.function, "condition", bool)
    models = {name: model for name, model in models.items() if condition(model)}
    if "case" in metafunc.fixturenames:
        cases = [(model, case) for model in models.values() for case in refused(model)]
        names = [f"{model.name}: {case.name}" for model, case in cases]
        metafunc.parametrize(("model", "case"), cases, ids=names)
    else:
        metafunc.parametrize("model", models.values(), ids=models)


@pytest.fixture(params=SURFACES)
def surface(request: pytest.FixtureRequest) -> Surface:
    """Each surface in turn, of the server that has the test's model."""
    model = request.node.callspec.params.get("model")
    of = "proof_server" if model is not None and is_proof(model) else "server"
    return SURFACES[request.param](request.getfixturevalue, of)
