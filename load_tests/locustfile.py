"""Mixed users with ramp-up, for Locust: programs that predict, people who explain and look around.

Against a running server, for example with 200 users, 20 more each second, for two minutes:

    .venv/bin/locust -f load_tests/locustfile.py --host http://localhost:3000 \
        --headless --users 200 --spawn-rate 20 --run-time 2m

Without `--headless` Locust shows its page at http://localhost:8089. Each model is sent the rows it
comes with, unless `LOAD_TESTS_DATA` names files: `NAME=PATH`, separated by spaces.

Locust counts the run time from before it has loaded the data, so give it more than a few seconds.

Locust is here for what users do and how the server takes growing concurrency; what it can do at
most is measured by `python -m load_tests`, whose generators cost less.
"""

import os
import random
import shlex

from locust import HttpUser, between, task

from load_tests.data import files, read_all
from load_tests.roles import MODELS

_DATA = read_all(files(shlex.split(os.environ.get("LOAD_TESTS_DATA", ""))))
_TABLES = [name for name, model in MODELS.items() if not model.encoder.texts] or list(MODELS)
_EXPLAINED = [name for name, model in MODELS.items() if model.explanation]


class _User(HttpUser):
    """What all users share: they wait a little, and expect answers to all they sent."""

    abstract = True
    wait_time = between(0.05, 0.5)

    def ask(self, names: list[str], what: str, count: int) -> None:
        """Sends rows to one of some models; anything but as many answers is a failure."""
        (name,) = random.sample(names, 1)
        data = _DATA[name].rows
        rows = random.sample(data, min(count, len(data)))
        body = {MODELS[name].rows: rows}
        with self.client.post(f"/{name}/{what}", json=body, catch_response=True) as response:
            if response.status_code != 200:
                response.failure(f"{response.status_code}: {response.text[:200]}")
            elif len(response.json()) != len(rows):
                response.failure(f"{len(response.json())} answers to {len(rows)} rows")


class Application(_User):
    """A program that asks one of the models about one record at a time."""

    weight = 8

    @task
    def predict(self) -> None:
        """Asks about one record."""
        self.ask(list(MODELS), "predict", 1)


class Analyst(_User):
    """A person who looks into many records at once, and asks why."""

    weight = 2

    @task(2)
    def predict(self) -> None:
        """Asks about two hundred records."""
        self.ask(_TABLES, "predict", 200)

    @task(3)
    def explain(self) -> None:
        """Has a few answers explained, where a model can."""
        if _EXPLAINED:
            self.ask(_EXPLAINED, "explain", 5)

    @task(1)
    def models(self) -> None:
        """Looks up which models are served, and how good they are."""
        for model in self.client.get("/models").json():
            self.client.get(f"/models/{model['name']}", name="/models/{name}")
            self.client.get(
                f"/models/{model['name']}/performance", name="/models/{name}/performance"
            )
