"""The Open Inference Protocol over HTTP: what it refuses, and in which words."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from framework import MAX_ROWS
from tests.processes import Server
from tests.server.talk import Talk, Tensor, as_binary, ask, framed, raw

Inputs = list[Tensor]


def changed(**values: Any) -> Callable[[Inputs, str], Any]:
    """Makes a request whose first tensor has other values of these."""
    return lambda inputs, output: {"inputs": [{**inputs[0], **values}, *inputs[1:]]}


def first_binary(**values: Any) -> Callable[[Inputs, str], Any]:
    """Makes a request whose first tensor is to follow as bytes, but does not."""
    return lambda inputs, output: {"inputs": [{**as_binary(inputs[0]), **values}, *inputs[1:]]}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda *_: b"{", "Invalid JSON"),
        (lambda *_: b"", "Invalid JSON"),
        (lambda *_: b"[]", "Input should be an object"),
        (lambda *_: {"inputs": []}, "{nothing}"),
        (changed(datatype="STRING"), "inputs.0.datatype: Input should be"),
        (changed(shape=[-1]), "inputs.0.shape.0: Input should be greater"),
        (changed(data=None), "inputs.{input}: Give either data or parameters"),
        (first_binary(data=["x"]), "inputs.{input}: Give either data or"),
        (first_binary(), "add up to {size}, but 0 bytes follow"),
        (
            lambda inputs, _: {"inputs": [inputs[0], *inputs]},
            "inputs.{input}: The input is given more than once",
        ),
        (
            lambda inputs, _: {"inputs": inputs, "outputs": [{"name": "no_such_output"}]},
            "outputs.no_such_output: There is no output",
        ),
        (
            lambda inputs, output: {"inputs": inputs, "outputs": [{"name": output}] * 20_000},
            "outputs.{output}: The output is asked for more than once",
        ),
        (
            lambda inputs, output: {
                "inputs": inputs,
                "outputs": [{"name": output, "parameters": {"classification": 1}}],
            },
            "{output}.parameters: classification is not supported",
        ),
    ],
)
def test_what_is_wrong_is_named(
    server: Server, talk: Talk, make: Callable[[Inputs, str], Any], sentence: str
) -> None:
    inputs, output = talk.inputs(), next(iter(talk.outputs))
    required = [field.name for field in talk.model.encoder.fields if field.required]
    named = {
        "input": inputs[0]["name"],
        "output": output,
        "size": len(raw(inputs[0])),
        "nothing": f"inputs.{required[0]}: Field required" if required else "At least one input",
    }

    response = ask(server, make(inputs, output), talk.name)

    assert_invalid(response, sentence.format(**named))


@pytest.mark.parametrize("length", ["3", "-1"])
def test_a_header_beyond_the_body_is_refused(server: Server, talk: Talk, length: str) -> None:
    response = ask(server, b"{}", talk.name, **{"Inference-Header-Content-Length": length})

    assert_invalid(response, "must be from 0 to 2")


@pytest.mark.parametrize("more", [1, -1])
def test_a_body_of_another_size_is_refused(server: Server, talk: Talk, more: int) -> None:
    first, *others = talk.inputs()
    content = raw(first)
    size = len(content)
    sent = (content + b"x")[: size + more]

    body, headers = framed([as_binary(first), *others], sent)

    response = ask(server, body, talk.name, **headers)
    assert_invalid(response, f"add up to {size}, but {size + more} bytes follow")


def assert_invalid(response: requests.Response, sentence: str) -> None:
    """Checks that a request was refused with a sentence."""
    answer = response.json()
    assert (response.status_code, answer["code"]) == (400, "invalid_input")
    assert sentence in answer["error"]


@pytest.mark.parametrize("content_type", ["application/x-pickle", "text/plain"])
def test_other_content_types_are_refused(server: Server, talk: Talk, content_type: str) -> None:
    response = ask(server, {"inputs": talk.inputs()}, talk.name, **{"Content-Type": content_type})

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_too_many_rows_are_refused_for_their_number(server: Server, talk: Talk) -> None:
    response = ask(server, {"inputs": talk.inputs(MAX_ROWS + 1)}, talk.name)

    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")
