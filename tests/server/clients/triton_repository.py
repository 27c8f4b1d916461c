"""Loads and unloads a model by Triton's clients, one after the other: `HTTP GRPC MODEL`."""

import sys

import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException


def manage(client: triton_http.InferenceServerClient, model: str) -> None:
    """Takes a model away and has it back."""
    (ready,) = index(client)
    assert (ready["name"], ready["state"]) == (model, "READY"), ready
    client.unload_model(model)
    (gone,) = index(client)
    assert (gone["state"], gone["reason"]) == ("UNAVAILABLE", "unloaded"), gone
    with pytest.raises(InferenceServerException, match="was unloaded"):
        client.get_model_metadata(model)
    client.load_model(model)
    assert index(client) == [ready]
    assert client.is_model_ready(model)
    with pytest.raises(InferenceServerException, match="config"):
        client.load_model(model, config="{}")


def index(client: triton_http.InferenceServerClient) -> list[dict[str, str]]:
    """The models of the repository."""
    told = client.get_model_repository_index()
    if isinstance(told, list):
        return told
    return [
        {"name": one.name, "version": one.version, "state": one.state, "reason": one.reason}
        for one in told.models
    ]


if __name__ == "__main__":
    http, grpc, name = sys.argv[1:]
    manage(triton_http.InferenceServerClient(http), name)
    manage(triton_grpc.InferenceServerClient(grpc), name)
    print("all said")
