"""What a batchable API does with rows, whichever protocol brings them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_origin

import pydantic
from numpy.typing import NDArray

from framework.adapters.bentoml import APIMethod, IORootModel
from serving.batching.batcher import Batcher
from serving.errors import ServingError
from serving.http.openapi import declared_type


def is_batchable_list(api: APIMethod[..., Any]) -> bool:
    """Whether an API can be answered here: batchable, one list of rows in, one list out, JSON.

    The other APIs of a service (tensors, files, streams, tasks, those that take a context) are
    left to BentoML.
    """
    if not api.batchable or api.ctx_param or api.is_stream or api.is_task:
        return False
    inputs, outputs = api.input_spec, api.output_spec
    return (
        len(inputs.model_fields) == 1
        and all(get_origin(field.annotation) is list for field in inputs.model_fields.values())
        and issubclass(outputs, IORootModel)
        and get_origin(outputs.model_fields["root"].annotation) is list
        and inputs.mime_type() == outputs.mime_type() == "application/json"
        and api.batch_dim == (0, 0)
    )


class Prediction:
    """One batchable API, its rows taken and its answers given in the form of any protocol.

    Args:
        api: The API, of which `is_batchable_list` is true.
        batcher: Joins its rows with those of other requests, of all protocols.
        model_tag: Tag of the model behind it; empty if there is none.
        max_rows: Most rows in one request.
    """

    def __init__(
        self,
        api: APIMethod[..., Any],
        batcher: Batcher,
        model_tag: str,
        max_rows: int,
    ) -> None:
        self.model_tag = model_tag
        self._batcher = batcher
        self._max_rows = max_rows
        declared = declared_type(api.input_spec)
        self._inputs: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(declared)
        inputs = self._inputs
        validate = inputs.validator.validate_python
        self._is_list = get_origin(declared) is list
        (self._field,) = api.input_spec.model_fields
        self.rows_from_json = self._parser(inputs.validator.validate_json)
        """Takes a request's JSON; see `rows_from_list`."""
        self.rows_from_list = self._parser(
            validate if self._is_list else lambda rows: validate({self._field: rows})
        )
        """Takes a list of rows as plain Python, of which the API's types are made.

        It raises a `ServingError`, `invalid_input` or `payload_too_large`.
        """
        outputs: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(declared_type(api.output_spec))
        self._validate_answers = outputs.validator.validate_python
        self.to_json = outputs.serializer.to_json
        self.to_python = outputs.serializer.to_python

    @property
    def busy(self) -> bool:
        """Whether a batch is running, so that new rows must wait."""
        return self._batcher.busy

    @property
    def max_rows(self) -> int:
        """Most rows in one request, by the settings and by the API's own type."""
        declared = self._inputs.json_schema()
        rows = declared if self._is_list else declared["properties"][self._field]
        return min(self._max_rows, int(rows.get("maxItems", self._max_rows)))

    async def submit_features(self, features: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Returns the fields of the predictions for the rows of a feature matrix.

        Raises:
            ServingError: See `Batcher.submit`.
        """
        columns: Mapping[str, NDArray[Any]] = await self._batcher.submit(features)
        return columns

    async def submit(self, rows: Sequence[Any]) -> Any:
        """Returns the answers for rows, in order, of the type that the API declares.

        Raises:
            ServingError: See `Batcher.submit`.
            Exception: Whatever the API raised, or a validation error of what it answered.
        """
        return self._validate_answers(await self._batcher.submit(rows))

    def _parser(self, validate: Callable[[Any], Any]) -> Callable[[Any], Sequence[Any]]:
        def parse(content: Any) -> Sequence[Any]:
            try:
                content = validate(content)
            except pydantic.ValidationError as error:
                raise ServingError.from_validation(error) from None
            rows: Sequence[Any] = content if self._is_list else getattr(content, self._field)
            if len(rows) > self._max_rows:
                raise ServingError.too_many_rows(self._max_rows)
            return rows

        return parse
