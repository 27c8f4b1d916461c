"""What only a worker needs of BentoML's insides does what it is relied upon for."""

import asyncio
import inspect
import logging
import os
import subprocess
import sys
from typing import Any

import bentoml
import pytest
from bentoml._internal.server.http.access import AccessLogMiddleware
from bentoml.exceptions import BentoMLException
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

from deploy.processes import ROOT
from framework.adapters.bentoml_server import (
    PICKLE,
    BentoAppFactory,
    RequestMetricsMiddleware,
    TimeoutMiddleware,
    duration_buckets,
    leave_refusals_untold,
    request_series,
    write_access_log_in_lines,
)
from tests.unit.adapters.service import SERVICE


@pytest.fixture
def factory() -> BentoAppFactory:
    """The factory of the service's application, as a worker makes it."""
    SERVICE.inject_config()
    return BentoAppFactory(SERVICE, is_main=True)


def test_app_factory_has_the_instance_while_its_application_runs(
    factory: BentoAppFactory,
) -> None:
    async def run() -> None:
        app = factory()
        assert factory.service_instance is None
        async with app.router.lifespan_context(app):
            assert isinstance(factory.service_instance, SERVICE.inner)
            assert bentoml.get_current_service() is factory.service_instance
        assert factory.service_instance is None

    asyncio.run(run())


@pytest.mark.parametrize(("error", "tracebacks"), [(BentoMLException, 0), (ValueError, 1)])
def test_a_service_that_refuses_to_be_made_logs_no_traceback(
    error: type[Exception], tracebacks: int, caplog: pytest.LogCaptureFixture
) -> None:
    @bentoml.service
    class Refusing:
        def __init__(self) -> None:
            raise error("why")

    leave_refusals_untold()
    with caplog.at_level("ERROR"), pytest.raises(error, match="why"):
        Refusing()

    assert len(caplog.records) == tracebacks


def test_app_factory_wraps_its_application_in_what_middlewares_names() -> None:
    class Bare(BentoAppFactory):
        @property
        def middlewares(self) -> list[Any]:
            return list(super().middlewares[:1])

    SERVICE.inject_config()

    app = Bare(SERVICE, is_main=True)()

    assert [middleware.cls for middleware in app.user_middleware] == [RequestMetricsMiddleware]


@pytest.mark.parametrize(
    "known", [RequestMetricsMiddleware, TimeoutMiddleware, OpenTelemetryMiddleware]
)
def test_each_middleware_that_is_told_apart_is_among_the_factorys(
    factory: BentoAppFactory, known: type
) -> None:
    assert [middleware.cls for middleware in factory.middlewares].count(known) == 1


def test_the_last_middleware_of_the_factory_gives_methods_their_context(
    factory: BentoAppFactory,
) -> None:
    last = factory.middlewares[-1]
    assert last.kwargs == {"context": SERVICE.context}
    assert [one.kwargs for one in factory.middlewares].count(last.kwargs) == 1


@pytest.mark.parametrize("answer", [True, False])
def test_app_factory_asks_the_service_whether_it_is_ready(answer: bool) -> None:
    @bentoml.service(name="moody")
    class Moody:
        async def __is_ready__(self) -> bool:
            return answer

    service: Any = Moody
    service.inject_config()
    moody = BentoAppFactory(service, is_main=True)

    async def run() -> None:
        app = moody()
        async with app.router.lifespan_context(app):
            assert await moody.is_ready() is answer

    asyncio.run(run())


def test_app_factory_of_a_service_that_does_not_say_so_is_ready_once_started(
    factory: BentoAppFactory,
) -> None:
    async def run() -> None:
        app = factory()
        async with app.router.lifespan_context(app):
            assert await factory.is_ready()

    asyncio.run(run())


def test_batch_size_series_are_shared_by_the_services_of_a_process() -> None:
    SERVICE.inject_config()
    one, other = (BentoAppFactory(SERVICE, is_main=True) for _ in range(2))

    assert one.batch_size_series is other.batch_size_series
    assert request_series() is request_series()


def test_pickle_is_what_services_ask_each_other_in() -> None:
    assert PICKLE == b"application/vnd.bentoml+pickle"


def test_duration_buckets_ascend_to_infinity() -> None:
    bounds = duration_buckets()
    assert list(bounds) == sorted({*bounds})
    assert bounds[-1] == float("inf")
    assert len(bounds) > 5


# In a process of its own: BentoML's series are declared once in a process.
COUNT = """
from bentoml import server_context
from framework.adapters.bentoml_server import (
    BentoAppFactory,
    metric_samples,
    metrics_client,
    request_series,
    write_access_log_in_lines,
)
from tests.unit.adapters.service import SERVICE

SERVICE.inject_config()
factory = BentoAppFactory(SERVICE, is_main=True)
client, requests = metrics_client(), request_series()
client.Counter("own", "A counter of ours.", ["l"]).labels(l="x").inc(3)
service = {
    "service_name": server_context.bento_name,
    "service_version": server_context.bento_version,
    "runner_name": server_context.service_name,
}
endpoint = {"endpoint": "/declared", **service}
requests.in_progress.labels(**endpoint).set(4)
requests.total.labels(**endpoint, http_response_code=200).inc(5)
requests.duration.labels(**endpoint, http_response_code=200).observe(0.25)
requests.last_timestamp.labels(**service).set_to_current_time()
factory.batch_size_series.labels(
    runner_name=server_context.service_name,
    worker_index=server_context.worker_index,
    method_name="declared",
    service_version=server_context.bento_version,
    service_name=server_context.bento_name,
).observe(2)
print(client.generate_latest().decode())
(own,) = (sample for sample in metric_samples() if sample.name == "own_total")
print("# sampled", own.labels, own.value)
"""


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `/metrics` tells after each of BentoML's series has been written once."""
    shared = tmp_path_factory.mktemp("metrics")
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(shared)}
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return done.stdout


def series(exposed: str, name: str) -> list[str]:
    """The samples of one name."""
    return [line for line in exposed.splitlines() if line.startswith(f"{name}{{")]


def test_metrics_client_makes_metrics_that_the_metrics_page_shows(exposed: str) -> None:
    assert series(exposed, "own_total") == ['own_total{l="x"} 3.0']


def test_metric_samples_are_those_of_the_metrics_page(exposed: str) -> None:
    assert "# sampled {'l': 'x'} 3.0" in exposed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bentoml_service_request_in_progress", "4.0"),
        ("bentoml_service_request_total", "5.0"),
        ("bentoml_service_request_duration_seconds_sum", "0.25"),
    ],
)
def test_request_series_are_the_ones_bentoml_documents(exposed: str, name: str, value: str) -> None:
    (sample,) = series(exposed, name)
    assert 'endpoint="/declared"' in sample
    assert sample.endswith(f" {value}")


def test_request_series_tell_when_the_last_request_came(exposed: str) -> None:
    (sample,) = series(exposed, "bentoml_service_last_request_timestamp_seconds")
    assert float(sample.split()[-1]) > 1e9


def test_batch_size_series_is_the_one_bentoml_documents(exposed: str) -> None:
    (sample,) = series(exposed, "bentoml_service_adaptive_batch_size_sum")
    assert 'method_name="declared"' in sample
    assert sample.endswith(" 2.0")


def test_a_path_stays_in_its_line_of_the_access_log(caplog: pytest.LogCaptureFixture) -> None:
    write_access_log_in_lines()

    with caplog.at_level(logging.INFO, "bentoml.access"):
        # As `bentoml._internal.server.http.access` logs.
        logging.getLogger("bentoml.access").info("%s (%s) %.1fms", "é", "path=/a\nb\x1b[31m", 1.0)

    assert caplog.messages == [r"é (path=/a\nb\x1b[31m) 1.0ms"]


def test_the_access_log_hands_paths_over_as_arguments() -> None:
    source = inspect.getsource(AccessLogMiddleware)

    assert 'logging.getLogger("bentoml.access")' in source
    assert '"%s (%s) (%s) %.3fms"' in source
