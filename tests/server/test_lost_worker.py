"""In a container BentoML does not replace a dead worker: the others then fail liveness."""

import os
import signal

import psutil
import requests

from deploy.processes import wait_until
from tests.processes import Server
from tests.server.watching import Scrape

TOY = "tests.server.toy_service:Toy"


def test_liveness_fails_when_a_worker_is_lost_for_good() -> None:
    # The variable is how BentoML itself knows that it runs in a container.
    in_container = {"BENTOML_CONTAINERIZED": "true"}
    with Server.start(TOY, workers=2, environment=in_container) as server:

        def livez() -> int:
            return requests.get(f"{server.url}/livez", timeout=5).status_code

        wait_until(lambda: livez() == 200, 10, "the workers were not alive")
        worker = psutil.Process(server.process.pid).children()[0]
        os.kill(worker.pid, signal.SIGKILL)

        wait_until(lambda: livez() == 503, 10, "liveness did not fail")
        assert requests.get(f"{server.url}/livez", timeout=5).json()["code"] == "unavailable"
        scrape = Scrape(server)
        assert scrape.total("model_server_workers") == 2
        assert scrape.total("model_server_workers_serving") == 1
