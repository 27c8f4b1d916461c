"""What a batchable API does with rows, whichever protocol brings them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_origin

import pydantic
from opentelemetry.trace import Span

from framework import Answers, Bundle, Records
from framework.adapters.bentoml import APIMethod, IORootModel, declared_type
from framework.encoder import Encoder, EncodingError
from serving.batching.batcher import Batcher
from serving.batching.computation import Chunk
from serving.batching.ticket import Leaving, Ticket
from serving.codecs.judge import Judge
from serving.errors import Loc, ServingError
from serving.limits.allowance import Allowance


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
    """One batchable API behind its batcher: what it takes and what it gives.

    Codecs (`serving.codecs`) put both into the form of a protocol. The rows of an API that a
    model of the framework answers travel as `Records`; those of any other as a list.

    Args:
        api: The API, of which `is_batchable_list` is true.
        batcher: Joins its rows with those of other requests, of all protocols.
        model_tag: Tag of the model behind it; empty if there is none.
        max_rows: Most rows in one request.
        bundle: The model behind it, if it is one of the framework's.

    Attributes:
        batcher: Joins its rows with those of other requests.
        row_type: Declared type of a row.
        answer_type: Declared type of an answer.
        field: Name of the list of rows in a request.
        request_type: Type of a request; None if it is the list alone.
        encoder: Encoder of the rows, if they travel as `Records`.
        require_room: See `Batcher`.
        labels: Field of an answer that is a mapping → its keys, where the model knows them.
        answers_as_model: Whether its answers are of the type that the model's are.
    """

    def __init__(
        self,
        api: APIMethod[..., Any],
        batcher: Batcher,
        model_tag: str,
        max_rows: int,
        bundle: Bundle[Any, Any] | None = None,
    ) -> None:
        self.model_tag = model_tag
        self.batcher = batcher
        self.require_room = batcher.require_room
        declared = declared_type(api.input_spec)
        is_list = get_origin(declared) is list
        self.request_type: type[pydantic.BaseModel] | None = None if is_list else declared
        (self.field,) = api.input_spec.model_fields
        rows = declared if is_list else declared.model_fields[self.field].annotation
        (self.row_type,) = get_args(rows)
        answers = declared_type(api.output_spec)
        (self.answer_type,) = get_args(answers)
        field = None if is_list else self.field
        self._judge = Judge(declared, self.row_type, field, max_rows)
        self.answers: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(answers)
        self.encoder: Encoder[Any] | None = None
        self.labels: Mapping[str, Sequence[str]] = {}
        if bundle is not None and self.row_type is bundle.model.record:
            self.encoder = bundle.model.encoder
            self.labels = bundle.labels
        self.answers_as_model = bundle is not None and self.answer_type is bundle.model.answer

    @property
    def max_rows(self) -> int:
        """Most rows in one request, by the settings and by the API's own type."""
        return self._judge.max_rows

    def rows_from_json(self, content: bytes) -> Chunk:
        """Returns the rows of a request's JSON, as pydantic reads it.

        Raises:
            ServingError: `invalid_input` or `payload_too_large`.
        """
        return self._encoded(self._judge.of_json(content))

    def rows_from_list(
        self, rows: Sequence[Any], place: Callable[[Loc], Loc] = lambda loc: loc
    ) -> Chunk:
        """Returns the rows that plain Python describes, as pydantic reads it.

        Args:
            rows: The rows.
            place: Turns a place in a request of rows into one in the request that there is.

        Raises:
            ServingError: `invalid_input` or `payload_too_large`.
        """
        return self._encoded(self._judge.of_list(rows, place), place)

    def require_few(self, rows: Chunk) -> Chunk:
        """Returns rows, of which there must not be too many.

        Raises:
            ServingError: `payload_too_large`.
        """
        if len(rows) > self.max_rows:
            raise ServingError.too_many_rows(self.max_rows)
        return rows

    async def submit(
        self,
        rows: Chunk,
        leaving: Leaving | None = None,
        span: Span | None = None,
        allowance: Allowance | None = None,
    ) -> Sequence[Any]:
        """Returns the answers for rows, in order: `Answers`, or a list of the declared type.

        Args:
            rows: Rows.
            leaving: See `Batcher.submit`.
            span: The same.
            allowance: How much the caller may ask for; None: without limit.

        Raises:
            ServingError: See `Batcher.submit` and `Limiter.charge`, and what the API's own code
                found invalid.
            Exception: Whatever else the API raised, or a validation error of what it answered.
        """
        if allowance is not None:
            await allowance.charge(len(rows))
        try:
            answers = await self.batcher.submit(rows, leaving, span)
        except pydantic.ValidationError as error:
            raise ServingError.from_validation(error) from None
        return self._checked(answers)

    def enter(
        self,
        rows: Chunk,
        leaving: Leaving | None = None,
        span: Span | None = None,
        allowance: Allowance | None = None,
    ) -> Ticket | None:
        """Has rows wait for their answers; see `Batcher.enter` and `submit`.

        Returns:
            Their ticket; None if the caller's limit is not known here, and they have to be
            submitted.

        Raises:
            ServingError: `overloaded` or `rate_limited`.
        """
        if allowance is not None and not allowance.charge_at_once(len(rows)):
            return None
        return self.batcher.enter(rows, leaving, span)

    def leave(self, ticket: Ticket) -> Sequence[Any]:
        """Returns the answers of a ticket whose future is done; raises what `submit` does."""
        self.batcher.leave(ticket)
        try:
            answers = ticket.future.result()
        except pydantic.ValidationError as error:
            raise ServingError.from_validation(error) from None
        finally:
            # As in `Batcher.submit`.
            del ticket
        return self._checked(answers)

    def _checked(self, answers: Sequence[Any]) -> Sequence[Any]:
        if type(answers) is Answers and answers.answer_type is self.answer_type:
            return answers
        checked: Sequence[Any] = self.answers.validator.validate_python(list(answers))
        return checked

    def _encoded(self, rows: Sequence[Any], place: Callable[[Loc], Loc] = lambda loc: loc) -> Chunk:
        if self.encoder is None:
            return rows
        try:
            encoded: Records[Any] = self.encoder.from_records(rows)
        except EncodingError as error:
            loc: Loc = (error.row, error.field)
            loc = loc if self.request_type is None else (self.field, *loc)
            raise ServingError.from_details(
                [{"loc": place(loc), "msg": str(error), "type": "float_overflow"}]
            ) from None
        return encoded
