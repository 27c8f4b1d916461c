"""What a server writes down, on every protocol, and what of it the clients are told."""

import re
import stat
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.message_factory import GetMessageClass

from framework.discovery import find_models
from framework.open_inference import inference_pb2 as pb
from framework.open_inference import inference_pb2_grpc as pb_grpc
from framework.record.ids import model_of
from serving.grpc.typed import method_path, methods_of
from tests.contract.fixtures import SURFACES
from tests.processes import Server
from tests.server.record.conftest import Start
from tests.server.record.reading import recorded, spooled
from tests.server.starting import PLANE, start_refused
from tests.server.watching import Scrape, wait

MODELS = find_models("tests.server.toy_models")
SERVED = [name for name in SURFACES if name != "local"]
GAUGE = {"level": 1.0, "count": 2, "flag": True, "grade": "low"}
SECRET = "Verschwiegenheit"
ID = "x-prediction-id"
(METHOD,) = methods_of([MODELS["gauges"].descriptor])  # type: ignore[list-item]


def gauges(server: Server, **headers: str) -> httpx.Response:
    return httpx.post(f"{server.url}/gauges/predict", json={"gauges": [GAUGE]}, headers=headers)


def tensors() -> dict[str, Any]:
    values = {"low": 1.0, "high": 2.0}
    return {
        "inputs": [
            {"name": name, "datatype": "FP64", "shape": [1], "data": [value]}
            for name, value in values.items()
        ]
    }


def infer_request(model: str = "spans") -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name=model)
    for one in tensors()["inputs"]:
        contents = {"fp64_contents": one.pop("data")}
        request.inputs.add(**one, contents=contents)
    return request


def test_an_answer_is_recorded_with_its_request_on_every_protocol(
    start: Start, folder: Path
) -> None:
    rows = {name: list(MODELS[name].sample) for name in ("gauges", "kinds", "spans")}
    with start() as server:
        for name in SERVED:
            for model, records in rows.items():
                SURFACES[name](lambda _: server, "").call(f"predict_{model}", records)

    entries = recorded(folder)

    assert len(entries) == len(SERVED) * len(rows)
    assert len({entry.prediction_id for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.model_tag.startswith(f"{model_of(entry.prediction_id)}:")
        assert entry.status == 200
        assert entry.body
        assert entry.answer
    forms = {(entry.protocol, entry.content_type) for entry in entries}
    assert {form for form in forms if "redacted" not in form[1]} == {
        ("http", "application/json"),
        ("http", "application/octet-stream"),
        ("connect", "application/json"),
        ("connect", "application/proto"),
        ("grpc", "application/proto"),
    }


def test_the_bytes_are_those_that_came_and_went(start: Start, folder: Path) -> None:
    with start() as server:
        response = gauges(server, **{"X-Request-ID": "order-66"})

    (entry,) = recorded(folder)

    assert entry.body == response.request.content
    assert entry.answer == response.content
    assert entry.request_id == "order-66"
    assert entry.prediction_id == response.headers[ID]
    assert re.fullmatch("gauges-[0-9a-f]{24}", entry.prediction_id)
    assert entry.model_tag == response.headers["X-Model-Tag"]
    assert entry.route == "/gauges/predict"
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_every_protocol_tells_the_prediction_id(start: Start, folder: Path) -> None:
    with start() as server, grpc.insecure_channel(server.grpc) as channel:
        told: list[Any] = [gauges(server).headers[ID]]
        body = {"gauges": [GAUGE]}
        told.append(httpx.post(server.url + method_path(METHOD), json=body).headers[ID])

        response = httpx.post(f"{server.url}/v2/models/spans/infer", json=tensors())
        told.append(response.headers[ID])
        assert response.json()["parameters"] == {"prediction_id": told[-1]}

        request = GetMessageClass(METHOD.input_type)(gauges=[GAUGE])
        typed = channel.unary_unary(
            method_path(METHOD),
            type(request).SerializeToString,
            GetMessageClass(METHOD.output_type).FromString,
        )
        told.append(dict(typed.with_call(request)[1].trailing_metadata())[ID])

        infer = pb_grpc.GRPCInferenceServiceStub(channel)
        answer, call = infer.ModelInfer.with_call(infer_request())
        told.append(dict(call.trailing_metadata())[ID])
        assert answer.parameters["prediction_id"].string_param == told[-1]

        streamed = infer.ModelStreamInfer(iter([infer_request()] * 2))
        told += [one.infer_response.parameters["prediction_id"].string_param for one in streamed]

    # Those of private fields are written behind the others.
    entries = sorted(recorded(folder), key=lambda entry: entry.ns)
    assert told == [entry.prediction_id for entry in entries]


def test_what_was_refused_is_recorded_without_what_it_held(start: Start, folder: Path) -> None:
    wrong = {"gauges": [{**GAUGE, SECRET: SECRET}]}
    unknown = infer_request()
    unknown.inputs[0].name = SECRET
    with start() as server, grpc.insecure_channel(server.grpc) as channel:
        refused = httpx.post(f"{server.url}/gauges/predict", json=wrong)
        no_json = httpx.post(f"{server.url}/gauges/predict", content=SECRET)
        infer = pb_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as raised:
            infer.ModelInfer(unknown)
        (streamed,) = infer.ModelStreamInfer(iter([unknown]))
        httpx.post(f"{server.url}/v2/models/{SECRET}/infer", json=tensors())

    assert streamed.error_message
    entries = recorded(folder)
    assert [(entry.route, entry.status, entry.body) for entry in entries] == [
        ("/gauges/predict", 400, b""),
        ("/gauges/predict", 400, b""),
        ("/inference.GRPCInferenceService/ModelInfer", 400, b""),
        ("/inference.GRPCInferenceService/ModelStreamInfer", 400, b""),
    ]
    told = [refused.headers[ID], no_json.headers[ID]]
    call: Any = raised.value
    told.append(dict(call.trailing_metadata())[ID])
    assert [entry.prediction_id for entry in entries[:3]] == told
    assert entries[0].answer == (
        b'{"code":"invalid_input","loc":["gauges",0],"type":"extra_forbidden"}'
    )
    assert SECRET.encode() not in spooled(folder)


def test_private_fields_are_in_no_file(start: Start, folder: Path) -> None:
    rows: dict[str, dict[str, Any]] = {
        "kinds": {"size": 1.0, "name": SECRET},
        "spans": {"low": 1.0, "high": 2.0, "name": SECRET},
    }
    with start() as server:
        for name in SERVED:
            for model, row in rows.items():
                SURFACES[name](lambda _: server, "").call(f"predict_{model}", [row])
        httpx.post(f"{server.url}/spans/explain", json={"spans": [rows["spans"]]})

    assert len(recorded(folder)) == len(SERVED) * len(rows) + 1
    for path in folder.rglob("*.log"):
        assert SECRET.lower().encode() not in path.read_bytes().lower()
    hashes = {entry.body[-32:] for entry in recorded(folder) if "kinds" in entry.route}
    assert len(hashes) == 1


def test_a_share_is_recorded_and_only_that_is_told_an_id(start: Start, folder: Path) -> None:
    with start(RECORD_SAMPLE="0.25") as server, httpx.Client(base_url=server.url) as client:
        answers = [client.post("/gauges/predict", json={"gauges": [GAUGE]}) for _ in range(400)]

    told = [one.headers[ID] for one in answers if ID in one.headers]
    # Six standard deviations around a hundred.
    assert 48 < len(told) < 152
    assert [entry.prediction_id for entry in recorded(folder)] == told


def test_several_workers_have_files_of_their_own(start: Start, folder: Path) -> None:
    with start(workers=2) as server:
        told = [gauges(server).headers[ID] for _ in range(60)]

    assert sorted(entry.prediction_id for entry in recorded(folder)) == sorted(told)
    assert len(list((folder / "spool").iterdir())) == 2


def test_metrics_tell_what_was_written_and_waits_to_be_converted(
    start: Start, folder: Path
) -> None:
    with start() as server:
        for _ in range(5):
            gauges(server)
        prefix = "model_server_record"

        def size() -> int:
            return sum(path.stat().st_size for path in (folder / "spool").iterdir())

        def is_told() -> bool:
            found = Scrape(server)
            return (
                found.total(f"{prefix}_entries_total") == 5
                and found.total(f"{prefix}_spool_bytes") == size()
                and found.total(f"{prefix}_oldest_unconverted_seconds") > 0
            )

        wait(is_told, "the metrics do not tell")
        found = Scrape(server)

    assert found.total(f"{prefix}_written_bytes_total") == size()
    assert found.total(f"{prefix}_waiting") == 0
    dropped = [one for one in found.samples if one.name == f"{prefix}_dropped_total"]
    assert {one.labels["reason"]: one.value for one in dropped} == dict.fromkeys(
        [
            "crowded_out",
            "disk_error",
            "disk_full",
            "folder_gone",
            "internal",
            "stopped",
            "too_slow",
        ],
        0.0,
    )


def test_files_are_closed_in_time(start: Start, folder: Path) -> None:
    with start(RECORD_FILE_SECONDS="0.1") as server:
        gauges(server)
        wait(lambda: any(folder.glob("spool/*.log")), "the file was not closed")
        assert not any(folder.glob("spool/*.open"))


def test_without_the_setting_nothing_is_recorded_or_told(start: Start, folder: Path) -> None:
    with start(RECORD="") as server:
        assert ID not in gauges(server).headers
        assert not [one for one in Scrape(server).samples if "_record_" in one.name]

    assert not folder.exists()


@pytest.mark.usefixtures("toys_served")
def test_a_folder_that_cannot_be_written_ends_the_start(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")

    line = start_refused({"MODEL_SERVER_RECORD": str(file)}, target=PLANE)

    assert line.endswith(
        f"MODEL_SERVER_RECORD={file} must be a folder that can be written: File exists"
    )
