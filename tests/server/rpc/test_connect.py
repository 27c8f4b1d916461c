"""What the Connect protocol asks of a server, request by request."""

import gzip
import json
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo

from framework import Model
from serving.grpc.typed import method_path
from tests.processes import Server
from tests.server.asked import MODELS, body_of
from tests.server.rpc.calling import QUEUE_ROWS, SERVICES, Toy, message_of
from tests.server.watching import Scrape, wait

PROTO, JSON = {"content-type": "application/proto"}, {"content-type": "application/json"}


@pytest.fixture
def path(model: Model[Any, Any]) -> str:
    """Where its first method is asked."""
    return method_path(SERVICES[model.name].methods[0])


def test_an_answer_names_model_and_request(
    client: httpx.Client, model: Model[Any, Any], path: str
) -> None:
    headers = {**JSON, "x-request-id": "order-66"}

    answered = client.post(path, json=body_of(model), headers=headers)

    assert answered.status_code == 200
    assert answered.headers["x-request-id"] == "order-66"
    assert answered.headers["x-model-tag"].startswith(f"{model.name}:")


@pytest.mark.parametrize("content_type", ["application/proto", "application/json"])
def test_a_request_may_be_compressed(
    client: httpx.Client, model: Model[Any, Any], path: str, content_type: str
) -> None:
    is_json = content_type == "application/json"
    body = json.dumps(body_of(model)).encode() if is_json else message_of(model).SerializeToString()
    headers = {"content-type": content_type}

    plain = client.post(path, content=body, headers=headers)
    packed = client.post(
        path, content=gzip.compress(body), headers={**headers, "content-encoding": "gzip"}
    )

    assert plain.status_code == packed.status_code == 200
    assert plain.content == packed.content
    assert packed.headers["content-type"] == content_type


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"connect-protocol-version": "1", "connect-timeout-ms": "30000"}, 200, ""),
        ({"content-type": "application/json; charset=utf-8"}, 200, ""),
        ({"connect-protocol-version": "2"}, 400, "invalid_argument"),
        ({"connect-timeout-ms": "soon"}, 400, "invalid_argument"),
        ({"connect-timeout-ms": "12345678901"}, 400, "invalid_argument"),
        ({"connect-timeout-ms": "0"}, 504, "deadline_exceeded"),
        ({"content-type": "text/plain"}, 415, "unimplemented"),
        ({"content-encoding": "br"}, 415, "unimplemented"),
    ],
    ids=str,
)
def test_headers(
    client: httpx.Client,
    model: Model[Any, Any],
    path: str,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    body = json.dumps(body_of(model))

    answered = client.post(path, content=body, headers={**JSON, **headers})

    assert answered.status_code == status
    assert answered.headers["content-type"] == "application/json"
    assert answered.json().get("code", "") == code


@pytest.mark.parametrize("verb", ["GET", "PUT"])
def test_other_verbs_are_refused(
    client: httpx.Client, model: Model[Any, Any], path: str, verb: str
) -> None:
    answered = client.request(verb, path)

    assert (answered.status_code, answered.headers["allow"]) == (405, "POST")
    assert answered.headers["x-model-tag"].startswith(f"{model.name}:")


def test_an_unknown_method_is_not_found(client: httpx.Client, path: str) -> None:
    assert client.post(f"{path}Again", content=b"", headers=PROTO).status_code == 404


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"[]", ""),
        (b"{", ""),
        (b"\xff", ""),
        (b'{"rows": 7}', "rows"),
        (b'{"more": []}', "more"),
        (b'{"rows": [], "rows": []}', "rows"),
    ],
)
def test_what_is_no_message_is_refused_with_its_place(
    client: httpx.Client, model: Model[Any, Any], path: str, body: bytes, place: str
) -> None:
    body = body.replace(b"rows", model.rows.encode())
    place = place.replace("rows", model.rows)

    answered = client.post(path, content=body, headers=JSON)

    assert (answered.status_code, answered.json()["code"]) == (400, "invalid_argument")
    assert answered.json()["message"].startswith(f"{place}: " if place else "I")


def test_a_field_under_both_of_its_names_is_refused(
    client: httpx.Client,
) -> None:
    rows: dict[str, Any] = {
        name: service.methods[0].input_type.fields[0].message_type
        for name, service in SERVICES.items()
    }
    found = [
        (name, field)
        for name, record in rows.items()
        for field in record.fields
        if field.name != field.json_name
    ]
    if not found:
        pytest.skip("no field has two names")
    name, field = found[0]
    model = MODELS[name]
    record = dict(model.sample[0])
    record[field.json_name] = record[field.name]

    answered = client.post(
        method_path(SERVICES[name].methods[0]), json=body_of(model, [record]), headers=JSON
    )

    assert answered.status_code == 400
    assert answered.json()["message"].startswith(f"{model.rows}.0.{field.name}: ")


def test_json_of_very_many_values_is_refused_for_their_number(
    client: httpx.Client, model: Model[Any, Any], path: str
) -> None:
    body = b'{"%s": [%s]}' % (model.rows.encode(), b"[],".join([b""] * 3_000_000) + b"[]")

    answered = client.post(path, content=body, headers=JSON)

    assert (answered.status_code, answered.json()["code"]) == (429, "resource_exhausted")
    assert "more than" in answered.json()["message"]


def test_requests_are_counted_by_method_under_the_one_table(
    server: Server, client: httpx.Client, model: Model[Any, Any], path: str
) -> None:
    labels = {"route": path, "protocol": "connect"}

    def counted(status: str) -> float:
        return Scrape(server).total("model_server_requests_total", **labels, status=status)

    before = [counted(status) for status in ("200", "400", "413")]
    too_many = message_of(model, list(model.sample[:1]) * 10_001).SerializeToString()
    client.post(path, json=body_of(model), headers=JSON)
    client.post(path, json={}, headers=JSON)
    client.post(path, content=too_many, headers=PROTO)

    # Requests of the other tests may have been counted since.
    wait(
        lambda: all(
            counted(status) > count
            for status, count in zip(("200", "400", "413"), before, strict=True)
        ),
        "the requests were not counted",
    )


def test_the_document_says_where_the_methods_are_described(client: httpx.Client) -> None:
    document = client.get("/docs.json").json()

    assert "Connect" in [tag["name"] for tag in document["tags"]]
    assert not any(path.endswith("Service/Predict") for path in document["paths"])


def sleep(toy: Toy, names: list[str], **headers: str) -> httpx.Response:
    """Asks the toy service."""
    body = {"rows": [{"name": name} for name in names]}
    url = f"{toy.server.url}/toy.v1.ToyService/Sleep"
    return httpx.post(url, json=body, headers={**JSON, **headers}, timeout=30)


def test_it_shares_batches_with_grpc(slow: Toy) -> None:
    sleeping = slow.occupy(2)
    with ThreadPoolExecutor() as threads:
        over_connect = threads.submit(sleep, slow, ["connect"])
        over_grpc = slow.sleep("grpc")
        wait(lambda: slow.queued_rows() == 2, "the rows were not queued")
        assert not sleeping.done()

        assert over_connect.result().json() == {"names": ["connect"]}
        assert over_grpc.result().names == ["grpc"]
    assert ["connect", "grpc"] in [sorted(batch) for batch in slow.batches()]


def test_a_request_whose_time_is_up_leaves_the_queue(slow: Toy) -> None:
    sleeping = slow.occupy(1)

    late = sleep(slow, ["overdue"], **{"connect-timeout-ms": "200"})

    assert (late.status_code, late.json()["code"]) == (504, "deadline_exceeded")
    assert slow.queued_rows() == 0
    assert sleeping.result().names
    assert not slow.computed("overdue")


def test_overload_says_when_to_try_again(slow: Toy) -> None:
    sleeping = slow.occupy(1)
    accepted = slow.sleep("accepted", rows=QUEUE_ROWS)
    wait(lambda: slow.queued_rows() == QUEUE_ROWS, "the queue was not full")

    refused = sleep(slow, ["one too many"])

    assert (refused.status_code, refused.json()["code"]) == (429, "resource_exhausted")
    told = {one["type"]: one["value"] for one in refused.json()["details"]}
    retry = RetryInfo.FromString(b64decode(told["google.rpc.RetryInfo"] + "=="))
    assert str(retry.retry_delay.seconds) == refused.headers["retry-after"]
    assert sleeping.result().names
    assert accepted.result().names


def test_a_bug_is_told_in_one_sentence(slow: Toy) -> None:
    url = f"{slow.server.url}/toy.v1.ToyService/Fail"

    failed = httpx.post(url, json={"rows": [{"name": "x"}]}, headers=JSON)

    assert (failed.status_code, failed.json()["code"]) == (500, "internal")
    assert "secret" not in failed.text
