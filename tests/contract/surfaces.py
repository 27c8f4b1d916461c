"""The surfaces of the server behind one interface, so that one suite can test them all.

A further surface joins by implementing `Surface` and being listed in the fixture.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import pydantic
import requests

from serving.errors import ErrorDetail, ServingError
from serving.openapi import declared_type


class RefusedError(Exception):
    """A surface refused a request."""

    def __init__(self, code: str, message: str, detail: list[ErrorDetail]) -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail


class Surface(Protocol):
    """One way to reach the served models."""

    def call(self, api: str, records: list[Any]) -> list[dict[str, Any]]:
        """Sends records to an API (`predict_attrition`, …) and returns its answers.

        Raises:
            RefusedError: The request was refused.
        """
        ...


@dataclass
class LocalSurface:
    """The service object in this process."""

    instance: Any

    def call(self, api: str, records: list[Any]) -> list[dict[str, Any]]:
        """See `Surface`."""
        method = self.instance.bento_service.apis[api]
        request_type = declared_type(method.input_spec)
        (field,) = request_type.model_fields
        try:
            request = request_type.model_validate({field: records})
        except pydantic.ValidationError as invalid:
            error = ServingError.from_validation(invalid)
            raise RefusedError(error.code.code, str(error), error.detail) from None
        answers = getattr(self.instance, api)(getattr(request, field))
        return [answer.model_dump(mode="json") for answer in answers]


@dataclass
class HttpSurface:
    """JSON over HTTP."""

    url: str

    def call(self, api: str, records: list[Any]) -> list[dict[str, Any]]:
        """See `Surface`."""
        route, field = {
            "predict_attrition": ("/attrition/predict", "employees"),
            "explain_attrition": ("/attrition/explain", "employees"),
            "predict_topics": ("/topics/predict", "texts"),
        }[api]
        # `json=` would refuse NaN on the client's side; a careless client sends it.
        body = pydantic.TypeAdapter(Any, config={"ser_json_inf_nan": "constants"}).dump_json(
            {field: records}
        )
        response = requests.post(
            self.url + route, body, headers={"Content-Type": "application/json"}, timeout=30
        )
        answer = response.json()
        if response.ok:
            assert isinstance(answer, list)
            return answer
        assert answer["request_id"] == response.headers["X-Request-ID"]
        detail = [ErrorDetail.model_validate(item) for item in answer["detail"]]
        raise RefusedError(answer["code"], answer["error"], detail)
