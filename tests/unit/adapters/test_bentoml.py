"""BentoML's declared APIs, configuration and store do what they are relied upon for."""

import contextlib
import importlib.util
import shutil
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args, get_origin

import bentoml
import psutil
import pytest
from _bentoml_impl.server import serving as bentoml_serving
from bentoml._internal.configuration.containers import BentoMLContainer

from framework.adapters.bentoml import (
    LIVE_PATHS,
    METRICS_PATH,
    READY_PATH,
    WORKER_MODULE,
    APIMethod,
    IOMixin,
    IORootModel,
    available_cores,
    create_model_in,
    docker_base_image,
    join_paths,
    model_in,
    model_store_folder,
    prefixed_path,
    service_configuration,
    stored_versions,
    tracing_is_exported,
)
from tests.unit.adapters.service import APIS, SERVICE, Rows


def test_api_method_tells_what_an_api_declares() -> None:
    api = APIS["declared"]
    assert isinstance(api, APIMethod)
    assert (api.name, api.route, api.doc) == (
        "declared",
        "/declared",
        "Has a declared request type.",
    )
    assert (api.batchable, api.max_batch_size, api.max_latency_ms) == (True, 5, 40)
    assert api.batch_dim == (0, 0)
    assert APIS["root"].route == "/its/own"


def test_api_method_func_is_the_function_without_its_instance() -> None:
    assert APIS["declared"].func(SERVICE.inner(), [1, 2]) == ["1", "2"]


def test_api_method_tells_the_kinds_that_are_left_to_bentoml() -> None:
    plain = APIS["declared"]
    assert not any((plain.ctx_param, plain.is_stream, plain.is_task))
    assert APIS["context"].ctx_param == "ctx"
    assert APIS["stream"].is_stream
    assert APIS["later"].is_task
    assert not APIS["context"].batchable


def test_io_mixin_tells_the_mime_type_and_the_fields_of_a_request() -> None:
    for api in (APIS["declared"], APIS["root"]):
        assert issubclass(api.input_spec, IOMixin)
        assert issubclass(api.output_spec, IOMixin)
        assert api.input_spec.mime_type() == api.output_spec.mime_type() == "application/json"
    assert list(APIS["declared"].input_spec.model_fields) == ["rows"]


def test_io_mixin_is_what_stands_beside_the_declared_type() -> None:
    bases = APIS["declared"].input_spec.__bases__
    assert [base for base in bases if not issubclass(base, IOMixin)] == [Rows]


def test_io_root_model_holds_the_annotation_of_a_plain_type() -> None:
    for spec in (APIS["root"].output_spec, APIS["declared"].output_spec):
        assert issubclass(spec, IORootModel)
        annotation = spec.model_fields["root"].annotation
        assert get_origin(annotation) is list
    assert get_args(annotation) == (str,)
    assert not issubclass(APIS["declared"].input_spec, IORootModel)


@pytest.mark.parametrize(
    ("parts", "path"),
    [(("", "/a"), "/a"), (("/p", "/a"), "/p/a"), (("/p/", "a/b"), "/p/a/b"), (("", "/"), "/")],
)
def test_join_paths_makes_the_path_at_which_an_api_answers(
    parts: tuple[str, str], path: str
) -> None:
    assert join_paths(*parts) == path


@pytest.mark.parametrize(("prefix", "path"), [(None, "/a"), ("/p", "/p/a")])
def test_prefixed_path_is_below_the_prefix_of_a_service(prefix: str | None, path: str) -> None:
    service: bentoml.Service[Any] = bentoml.service(path_prefix=prefix)(SERVICE.inner)
    assert prefixed_path(service, "/a") == path


def test_live_paths_ready_path_and_metrics_path_are_bentomls_own() -> None:
    routes = {getattr(route, "path", "") for route in SERVICE.to_asgi().routes}
    assert {*LIVE_PATHS, READY_PATH, METRICS_PATH} <= routes


def test_service_configuration_holds_what_the_decorator_says() -> None:
    SERVICE.inject_config()

    configuration = service_configuration("insides")

    assert configuration["workers"] == 3
    assert configuration["threads"] == 2
    assert configuration["traffic"]["timeout"] == 9


def test_available_cores_is_what_workers_by_core_start() -> None:
    assert 1 <= available_cores() <= (psutil.cpu_count() or 1)


def test_tracing_is_exported_when_the_configuration_names_an_exporter() -> None:
    assert not tracing_is_exported()

    exporter = BentoMLContainer.config.tracing.exporter_type
    exporter.set("otlp")
    try:
        assert tracing_is_exported()
    finally:
        exporter.set(None)
    assert not tracing_is_exported()


def test_model_store_folder_is_where_models_are_stored() -> None:
    name = f"insides-{uuid.uuid4().hex}"
    with bentoml.models.create(name) as model:
        pass
    try:
        assert (model_store_folder() / model.tag.path()).is_dir()
    finally:
        bentoml.models.delete(model.tag)


def test_stored_versions_are_told_by_age_without_those_that_are_broken() -> None:
    name = f"insides-{uuid.uuid4().hex}"
    assert stored_versions(name) == []
    for version in ("v2", "v1", "v3"):
        with bentoml.models.create(f"{name}:{version}"):
            pass
    folder = model_store_folder() / name
    try:
        (folder / "v3" / "model.yaml").write_text("name: [")
        assert [model.tag.version for model in stored_versions(name)] == ["v2", "v1"]
    finally:
        shutil.rmtree(folder)


def test_create_model_in_writes_an_entry_that_the_store_can_take_over(tmp_path: Path) -> None:
    tag = bentoml.Tag(f"insides-{uuid.uuid4().hex}", "v1")

    with create_model_in(tmp_path, tag, labels={"made": "here"}) as model:
        Path(model.path_of("file.txt")).write_text("content")

    assert not bentoml.models.list(tag)
    assert (tmp_path / tag.path() / "file.txt").read_text() == "content"
    assert (tmp_path / tag.latest_path()).read_text() == "v1"
    assert model_in(tmp_path, str(tag)).info.labels == {"made": "here"}
    (model_store_folder() / tag.name).mkdir(parents=True)
    (tmp_path / tag.path()).rename(model_store_folder() / tag.path())
    try:
        assert bentoml.models.get(tag).info.labels == {"made": "here"}
    finally:
        bentoml.models.delete(tag)


def test_docker_base_image_is_known_of_a_bento_with_a_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.py").write_text("import bentoml\n@bentoml.service\nclass Tiny: ...\n")
    (tmp_path / "template.j2").write_text("{% extends bento_base_template %}\n")
    monkeypatch.chdir(tmp_path)
    bento = bentoml.bentos.build(
        "tiny:Tiny",
        build_ctx=str(tmp_path),
        docker={"base_image": "example.org/base:1", "dockerfile_template": "template.j2"},
        python={"lock_packages": False},
    )
    try:
        assert docker_base_image(bento) == "example.org/base:1"
    finally:
        bentoml.bentos.delete(bento.tag)


def test_worker_module_is_what_a_worker_is_started_as(tmp_path: Path) -> None:
    scheduler: Any = SimpleNamespace(get_worker_env=lambda _: (1, {}))
    with contextlib.ExitStack() as ports:
        watcher, listening, _ = bentoml_serving.create_dependency_watcher(
            "tiny:Tiny", SERVICE, str(tmp_path), ports, 1, scheduler
        )
    if listening is not None:
        listening.close()

    assert WORKER_MODULE in watcher.args
    assert importlib.util.find_spec(WORKER_MODULE) is not None
