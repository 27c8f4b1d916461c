"""Labels over HTTP: `POST /feedback`."""

from fastapi import FastAPI, Request
from starlette.routing import BaseRoute

from serving.beside import SLOW_BYTES, read_in_turn
from serving.errors import Code, ServingError
from serving.feedback.requests import FeedbackAnswer, FeedbackRequest, labels_of_json
from serving.feedback.taking import NO_RECORD, Feedback
from serving.http.asgi import JSON, require_content_type
from serving.http.decoding import decoded, require_encoding
from serving.http.envelope import own_request_id
from serving.http.openapi import READING_ERRORS, Described, error_responses
from serving.metrics import HTTP
from serving.settings import load_settings
from serving.turn import TURN_BYTES

PATH = "/feedback"


async def take_feedback(request: Request) -> FeedbackAnswer:
    """Takes labels, if there is a record to write them to."""
    feedback: Feedback | None = getattr(request.app.state, "feedback", None)
    if feedback is None:
        raise ServingError(Code.NOT_FOUND, NO_RECORD)
    headers: dict[bytes, bytes] = dict(request.scope["headers"])
    require_content_type(headers, JSON)
    body = await request.body()
    if encoding := require_encoding(headers.get(b"content-encoding", b"")):
        body = decoded(body, encoding, load_settings().max_body_bytes)
    if len(body) < TURN_BYTES:
        labels = labels_of_json(body)
    else:
        labels = await read_in_turn(len(body), SLOW_BYTES, labels_of_json, body)
    taken = await feedback.take(labels, own_request_id(request.scope), PATH, HTTP)
    return FeedbackAnswer(accepted=taken)


def feedback(body: FeedbackRequest) -> FeedbackAnswer:
    """Takes labels: what became true of rows that were predicted.

    A row is named by the prediction id that its answer told, and by its place in the request. All
    labels of a request are taken, or none. One that is sent twice is one label; of several that
    differ the one of the latest time holds. Needs the record (`MODEL_SERVER_RECORD`).
    """
    raise NotImplementedError("only describes what `take_feedback` reads")


def add_routes(app: FastAPI) -> None:
    """Adds the route, which the worker gives `app.state.feedback` if there is a record."""
    app.add_api_route(PATH, take_feedback, methods=["POST"], include_in_schema=False)


def described_routes() -> list[BaseRoute]:
    """Makes the route that describes it: FastAPI would read bodies by rules of its own."""
    app = Described()
    responses = error_responses(*READING_ERRORS)
    app.add_api_route(PATH, feedback, methods=["POST"], tags=["Feedback"], responses=responses)
    return app.routes
