"""Labels that clients send: on the disk when they are answered, or refused."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.struct_pb2 import ListValue, Value
from google.rpc import error_details_pb2, status_pb2

from framework.discovery import find_models
from framework.record.folder import RecordFolder
from framework.record.frames import LABEL
from framework.record.labels import label_of
from monitoring.label_store.database import Database
from monitoring.label_store.store import Counts, LabelStore
from monitoring.record.converter import Converter
from monitoring.store import Store
from serving.feedback.feedback_pb2 import Label, SendRequest
from serving.feedback.feedback_pb2_grpc import FeedbackServiceStub
from serving.feedback.taking import MAX_LABELS
from tests.processes import Server
from tests.server.record.conftest import Start
from tests.server.record.reading import recorded
from tests.server.watching import Scrape, wait

DIGITS = "0123456789abcdef01234567"
GAUGE, KIND, SPAN, WINDOW = (f"{name}-{DIGITS}" for name in ("gauges", "kinds", "spans", "windows"))


def told(**given: Any) -> dict[str, Any]:
    return {"prediction_id": GAUGE, "row": 0, "label": 1.5, **given}


def send(server: Server, *labels: Any, **options: Any) -> httpx.Response:
    return httpx.post(f"{server.url}/feedback", json={"labels": labels}, timeout=30, **options)


def kept(folder: Path) -> list[tuple[Any, ...]]:
    """Labels of the spool: model, row, label, time, source."""
    entries = [entry for entry in recorded(folder) if entry.kind == LABEL]
    return [(one.model, *one[1:5]) for one in map(label_of, entries)]


def test_labels_are_on_the_disk_when_they_are_answered(start: Start, folder: Path) -> None:
    labels = [
        told(time="2026-11-02T08:00:00.25+01:00", source="crm"),
        told(prediction_id=SPAN, row=3, label=True),
        told(prediction_id=SPAN, row=4, label="no"),
        told(prediction_id=KIND, label="vast"),
        told(prediction_id=WINDOW, label=[1, 2.5, -3]),
    ]
    with start() as server:
        answer = send(server, *labels, headers={"X-Request-ID": "order-66"})
        entries = recorded(folder)

    assert (answer.status_code, answer.json()) == (200, {"accepted": 5})
    assert answer.headers["X-Request-ID"] == "order-66"
    assert kept(folder) == [
        ("gauges", 0, 1.5, 1_793_602_800_250_000, "crm"),
        ("spans", 3, "yes", None, ""),
        ("spans", 4, "no", None, ""),
        ("kinds", 0, "vast", None, ""),
        ("windows", 0, [1.0, 2.5, -3.0], None, ""),
    ]
    entry = entries[0]
    assert (entry.request_id, entry.route, entry.protocol) == ("order-66", "/feedback", "http")
    assert entry.model_tag.startswith("gauges:")


def test_every_wrong_label_is_named_and_then_none_is_taken(start: Start, folder: Path) -> None:
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"label": "much"}, "label", "The label should be a finite number."),
        ({"label": True}, "label", "The label should be a finite number."),
        ({"label": None}, "label", "The label should be a finite number."),
        (
            {"prediction_id": SPAN, "label": 2},
            "label",
            "The label should be one of no, yes, 0 or 1, false or true.",
        ),
        (
            {"prediction_id": KIND, "label": "tiny"},
            "label",
            "The label should be one of large, small, vast.",
        ),
        (
            {"prediction_id": WINDOW, "label": [1]},
            "label",
            "The label should be a list of 3 finite numbers.",
        ),
        ({"time": "2999-01-01T00:00:00Z"}, "time", "The time should not lie in the future."),
        (
            {"prediction_id": "order-66"},
            "prediction_id",
            "This is no prediction id, such as X-Prediction-ID tells.",
        ),
        (
            {"prediction_id": f"secret-{DIGITS}"},
            "prediction_id",
            "There is no model of the name that it begins with.",
        ),
    ]
    with start() as server:
        answer = send(server, told(), *(told(**given) for given, *_ in wrong), told())
        assert not recorded(folder)

    assert answer.status_code == 400
    body = answer.json()
    assert body["code"] == "invalid_input"
    assert [(one["loc"], one["msg"]) for one in body["detail"]] == [
        (["labels", index, field], message) for index, (_, field, message) in enumerate(wrong, 1)
    ]
    assert body["error"] == f"labels.1.label: {wrong[0][2]} (and {len(wrong) - 1} more errors)"
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"row": -1}, ["labels", 0, "row"]),
        ({"row": "0"}, ["labels", 0, "row"]),
        ({"time": "2026-11-02T08:00:00"}, ["labels", 0, "time"]),
        ({"source": "x" * 129}, ["labels", 0, "source"]),
        ({"weight": 1}, ["labels", 0, "weight"]),
    ],
    ids=str,
)
def test_a_label_has_a_form(plain: Server, given: dict[str, Any], place: list[str | int]) -> None:
    answer = send(plain, told(**given))

    assert answer.status_code == 400
    assert [one["loc"] for one in answer.json()["detail"]] == [place]


def test_a_key_is_given_once(plain: Server) -> None:
    twice = json.dumps({"labels": [told(), told()]}).replace('"row": 0', '"row": 0, "row": 1', 1)

    answer = httpx.post(f"{plain.url}/feedback", content=twice)

    assert answer.status_code == 400
    assert answer.json()["detail"][0]["loc"] == ["labels", 0, "row"]


def test_a_label_of_many_keys_or_values_is_refused_before_they_are_made(plain: Server) -> None:
    keys = {f"k{number}": 1 for number in range(10_000)}
    lists: list[Any] = [[]] * 30_000

    for label, kind in [(keys, "too_many_keys"), (told(label=lists), "too_many_values")]:
        (problem,) = send(plain, label).json()["detail"]

        assert problem["type"] == kind


def test_requests_have_the_usual_limits(plain: Server) -> None:
    many = send(plain, *[told()] * (MAX_LABELS + 1))
    none = send(plain)
    numbers = httpx.post(
        f"{plain.url}/feedback", content=b'{"labels": [' + b"1," * 200_000 + b"1]}"
    )
    text = httpx.post(
        f"{plain.url}/feedback", content=b"{}", headers={"Content-Type": "text/plain"}
    )
    large = httpx.post(f"{plain.url}/feedback", content=b" " * (2**24 + 1))
    bomb = httpx.post(
        f"{plain.url}/feedback",
        content=gzip.compress(b" " * (2**24 + 1)),
        headers={"Content-Encoding": "gzip"},
    )
    read = httpx.get(f"{plain.url}/feedback")

    codes = [(one.status_code, one.json()["code"]) for one in (many, none, numbers, text, large)]
    assert codes == [
        (413, "payload_too_large"),
        (400, "invalid_input"),
        (413, "payload_too_large"),
        (415, "unsupported_media_type"),
        (413, "payload_too_large"),
    ]
    assert bomb.status_code == 413
    assert read.status_code == 405


def test_most_labels_come_compressed(plain: Server) -> None:
    body = {"labels": [told(row=row) for row in range(MAX_LABELS)]}
    answer = httpx.post(
        f"{plain.url}/feedback",
        content=gzip.compress(json.dumps(body).encode()),
        headers={"Content-Encoding": "gzip"},
        timeout=30,
    )

    assert answer.json() == {"accepted": MAX_LABELS}


def test_labels_come_over_grpc(start: Start, folder: Path) -> None:
    label = Label(prediction_id=WINDOW, row=2, source="crm")
    label.label.list_value.CopyFrom(
        ListValue(values=[Value(number_value=one) for one in (1, 2, 3)])
    )
    label.time.FromJsonString("2026-11-02T08:00:00Z")
    truth = Label(prediction_id=SPAN, row=0, label=Value(bool_value=False))
    wrong = Label(prediction_id=GAUGE, row=0, label=Value(string_value="1"))
    rowless = Label(prediction_id=GAUGE, label=Value(number_value=1))
    with start() as server, grpc.insecure_channel(server.grpc) as channel:
        stub: Any = FeedbackServiceStub(channel)  # type: ignore[no-untyped-call]
        answer, call = stub.Send.with_call(SendRequest(labels=[label, truth]))
        refusals = []
        for one in (wrong, rowless):
            with pytest.raises(grpc.RpcError) as raised:
                stub.Send(SendRequest(labels=[truth, one]))
            refusals.append(raised.value)
        found = kept(folder)

    assert answer.accepted == 2
    assert dict(call.trailing_metadata())["x-request-id"]
    assert found == [
        ("windows", 2, [1.0, 2.0, 3.0], 1_793_606_400_000_000, "crm"),
        ("spans", 0, "no", None, ""),
    ]
    assert [one.code() for one in refusals] == [grpc.StatusCode.INVALID_ARGUMENT] * 2
    assert [_violations(one) for one in refusals] == [["labels.1.label"], ["labels.1.row"]]


def _violations(error: Any) -> list[str]:
    content = dict(error.trailing_metadata())["grpc-status-details-bin"]
    bad = error_details_pb2.BadRequest()
    assert any(one.Unpack(bad) for one in status_pb2.Status.FromString(content).details)
    return [one.field for one in bad.field_violations]


def test_what_cannot_be_written_is_not_taken(start: Start, folder: Path) -> None:
    with start() as server:
        assert send(server, told()).status_code == 200
        shutil.rmtree(folder)
        answers = [send(server, told()) for _ in range(2)]
        folder.mkdir()
        # It goes on as soon as there is a folder again.
        assert send(server, told(label=2)).status_code == 200
        found = kept(folder)

    assert [one.status_code for one in answers] == [503, 503]
    assert answers[0].json()["error"] == "The labels cannot be written; try again later."
    assert [label for _, _, label, *_ in found] == [2.0]


def test_labels_find_their_predictions(start: Start, folder: Path) -> None:
    gauge = {"level": 1.0, "count": 2, "flag": True, "grade": "low"}
    with start() as server:
        asked = {"gauges": [gauge, gauge]}
        answer = httpx.post(f"{server.url}/gauges/predict", json=asked, timeout=30)
        mine = answer.headers["X-Prediction-ID"]
        send(server, told(prediction_id=mine, row=1, label=3))
        send(server, told(prediction_id=mine, row=1, label=4), told(label=5))
    labels = LabelStore(Database(folder), Store(folder))
    models = find_models("tests.server.toy_models")

    Converter(RecordFolder(folder), models, labels).run()

    assert labels.counts() == {"gauges": Counts(known=2, unknown=1)}
    (held,) = labels.labels("gauges").to_pylist()
    assert (held["prediction_id"], held["row"], held["label"]) == (mine, 1, "4.0")


def test_metrics_tell_how_many_were_taken(start: Start) -> None:
    with start() as server:
        prefix = "model_server_labels"
        born = Scrape(server)
        accepted = [one for one in born.samples if one.name == f"{prefix}_accepted_total"]
        send(server, told(), told(prediction_id=SPAN, label=1), told())
        send(server, told(), told(label="x"), told(label="y"))

        def is_told() -> bool:
            found = Scrape(server)
            return (
                found.total(f"{prefix}_accepted_total", model="gauges") == 2
                and found.total(f"{prefix}_accepted_total", model="spans") == 1
                and found.total(f"{prefix}_refused_total") == 2
                and found.total("model_server_requests_total", route="/feedback", status="200") == 1
            )

        wait(is_told, "the metrics do not tell")

    assert {one.labels["model"]: one.value for one in accepted} == dict.fromkeys(
        ["gauges", "kinds", "spans", "windows"], 0.0
    )
    assert [one.value for one in born.samples if one.name == f"{prefix}_refused_total"] == [0.0]


def test_without_a_record_there_is_nowhere_to_put_labels(start: Start, folder: Path) -> None:
    with start(RECORD="") as server, grpc.insecure_channel(server.grpc) as channel:
        answer = send(server, told())
        stub: Any = FeedbackServiceStub(channel)  # type: ignore[no-untyped-call]
        with pytest.raises(grpc.RpcError) as raised:
            stub.Send(SendRequest(labels=[Label(prediction_id=GAUGE, row=0)]))
        described = httpx.get(f"{server.url}/docs.json").json()

    error: Any = raised.value
    assert answer.status_code == 404
    assert "MODEL_SERVER_RECORD" in answer.json()["error"]
    assert error.code() == grpc.StatusCode.NOT_FOUND
    assert error.details() == answer.json()["error"]
    (operation,) = described["paths"]["/feedback"].values()
    assert operation["operationId"] == "feedback"
