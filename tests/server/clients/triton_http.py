"""A conversation of Triton's HTTP client with the server; run as a process of its own."""

import sys

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

NUMBERS = {
    "satisfaction_level": 0.38,
    "last_evaluation": 0.53,
    "number_project": 2,
    "average_monthly_hours": 157,
    "time_spend_company": 3,
    "work_accident": 0,
    "promotion_last_5years": 0,
}


def inputs(rows: int, *, binary: bool, salary: str = "low") -> list[InferInput]:
    columns = {name: np.full((rows, 1), value) for name, value in NUMBERS.items()}
    columns["department"] = np.full((rows, 1), b"sales", dtype=object)
    columns["salary"] = np.full((rows, 1), salary.encode(), dtype=object)
    found = []
    for name, values in columns.items():
        datatype = {"f": "FP64", "i": "INT64", "O": "BYTES"}[values.dtype.kind]
        tensor = InferInput(name, values.shape, datatype)
        tensor.set_data_from_numpy(values, binary_data=binary)
        found.append(tensor)
    return found


def refusal(client: InferenceServerClient, model: str, *arguments: object) -> str:
    try:
        client.infer(model, *arguments)
    except InferenceServerException as refused:
        return f"{refused.status()} {refused.message()}"
    raise AssertionError("not refused")


with InferenceServerClient(sys.argv[1].removeprefix("http://")) as client:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("attrition")
    assert not client.is_model_ready("nothing")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("attrition")
    (version,) = metadata["versions"]
    assert client.is_model_ready("attrition", version)
    assert {one["name"] for one in metadata["inputs"]} == {*NUMBERS, "department", "salary"}
    assert {one["name"]: one["datatype"] for one in metadata["outputs"]} == {
        "probability": "FP64",
        "leaves": "BOOL",
    }

    answers = []
    for binary in (True, False):
        for outputs in (
            None,
            [InferRequestedOutput("leaves", binary_data=not binary)],
            [InferRequestedOutput(name, binary_data=True) for name in ("probability", "leaves")],
        ):
            result = client.infer(
                "attrition",
                inputs(3, binary=binary),
                model_version=version,
                outputs=outputs,
                request_id="abc",
            )
            response = result.get_response()
            assert (response["id"], response["model_version"]) == ("abc", version)
            assert result.as_numpy("leaves").shape == (3,)
            assert result.as_numpy("leaves").dtype == bool
            if outputs is None or len(outputs) == 2:
                answers.append(result.as_numpy("probability"))
            else:
                assert result.as_numpy("probability") is None
    assert len(answers) == 4
    assert all(np.array_equal(answer, answers[0]) for answer in answers)

    assert "400 inputs.salary.0: Input should be" in refusal(
        client, "attrition", inputs(1, binary=True, salary="huge")
    )
    assert "404 There is no model" in refusal(client, "nothing", inputs(1, binary=True))
    assert "404 Model attrition has no version" in refusal(
        client, "attrition", inputs(1, binary=True), "another"
    )
    not_a_number = inputs(1, binary=False)
    not_a_number[0].set_data_from_numpy(np.array([[np.nan]]), binary_data=False)
    assert "400 inputs.satisfaction_level.0: " in refusal(client, "attrition", not_a_number)

    text = InferInput("text", [2, 1], "BYTES")
    text.set_data_from_numpy(np.array([["graph networks"], ["日本語"]], dtype=object))
    result = client.infer("topics", [text])
    probabilities = result.as_numpy("probabilities")
    (described,) = [
        one
        for one in client.get_model_metadata("topics")["outputs"]
        if one["name"] == "probabilities"
    ]
    assert probabilities.shape == (2, described["shape"][1])
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert np.array_equal(probabilities.max(axis=1), result.as_numpy("probability"))
print("all said")
