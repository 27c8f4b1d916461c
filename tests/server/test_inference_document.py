"""What the OpenAPI document says of the Open Inference Protocol holds."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from framework.discovery import model_names
from tests.processes import Server

OPERATIONS = [
    ("GET", "/v2"),
    ("GET", "/v2/health/live"),
    ("GET", "/v2/health/ready"),
    ("GET", "/v2/models"),
    ("GET", "/v2/models/stats"),
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/repository/models/{model}/load"),
    ("POST", "/v2/repository/models/{model}/unload"),
    ("GET", "/v2/models/{model}"),
    ("GET", "/v2/models/{model}/ready"),
    ("GET", "/v2/models/{model}/config"),
    ("GET", "/v2/models/{model}/stats"),
    ("POST", "/v2/models/{model}/infer"),
    ("GET", "/v2/models/{model}/versions/{version}"),
    ("GET", "/v2/models/{model}/versions/{version}/ready"),
    ("GET", "/v2/models/{model}/versions/{version}/config"),
    ("GET", "/v2/models/{model}/versions/{version}/stats"),
    ("POST", "/v2/models/{model}/versions/{version}/infer"),
]


@pytest.fixture(scope="module")
def document(server: Server) -> Any:
    """The OpenAPI document of `/v2`."""
    return schemathesis.openapi.from_url(f"{server.url}/docs.json").include(path_regex="^/v2")


def test_every_operation_is_exercised(document: Any) -> None:
    documented = [result.ok() for result in document.get_all_operations()]
    assert {(one.method.upper(), one.path) for one in documented} == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_document_is_kept(document: Any, method: str, path: str) -> None:
    @settings(suppress_health_check=list(HealthCheck))
    @given(case=document[path][method].as_strategy())
    def exercise(case: Any) -> None:
        if "model" in (case.path_parameters or {}):
            case.path_parameters["model"] = model_names()[0]
        # A schema cannot say that shape, datatype and values must agree.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    exercise()
