"""Mixed users with ramp-up, for Locust: people who predict, explain, classify and look around.

Against a running server, for example with 200 users, 20 more each second, for two minutes:

    .venv/bin/locust -f load_tests/locustfile.py --host http://localhost:3000 \
        --headless --users 200 --spawn-rate 20 --run-time 2m

Without `--headless` Locust shows its page at http://localhost:8089. Rows are simulated, unless
`LOAD_TESTS_DATA` names the turnover data (projects are then looked for beside it).

Locust counts the run time from before it has loaded the data, so give it more than a few seconds.

Locust is here for what users do and how the server takes a growing crowd; what it can do at most
is measured by `python -m load_tests`, whose generators cost less.
"""

import os
import random
from typing import Any

from locust import HttpUser, between, task

from load_tests.data import Data, read, valid_text

_DATA: Data = read(os.environ.get("LOAD_TESTS_DATA"), None)
_TEXTS = [row for row in _DATA.texts if valid_text(row)]


class _User(HttpUser):
    """What all users share: they wait a little, and expect answers to all they sent."""

    abstract = True
    wait_time = between(0.05, 0.5)

    def send(self, path: str, name: str, rows: list[dict[str, Any]]) -> None:
        """Sends rows; anything but as many answers is a failure."""
        with self.client.post(path, json={name: rows}, catch_response=True) as response:
            if response.status_code != 200:
                response.failure(f"{response.status_code}: {response.text[:200]}")
            elif len(response.json()) != len(rows):
                response.failure(f"{len(response.json())} answers to {len(rows)} rows")


class Application(_User):
    """A program that asks about one employee or one text at a time."""

    weight = 8

    @task(6)
    def predict(self) -> None:
        """Judges one employee."""
        self.send("/attrition/predict", "employees", _some(_DATA.employees, 1))

    @task(3)
    def topics(self) -> None:
        """Classifies one text."""
        self.send("/topics/predict", "texts", _some(_TEXTS, 1))


class Analyst(_User):
    """A person who looks into a department, and asks why."""

    weight = 2

    @task(2)
    def predict(self) -> None:
        """Judges a department."""
        self.send("/attrition/predict", "employees", _some(_DATA.employees, 200))

    @task(3)
    def explain(self) -> None:
        """Explains a few judgements."""
        self.send("/attrition/explain", "employees", _some(_DATA.employees, 5))

    @task(1)
    def models(self) -> None:
        """Looks up which models are served, and how good they are."""
        for model in self.client.get("/models").json():
            self.client.get(f"/models/{model['name']}", name="/models/{name}")
            self.client.get(
                f"/models/{model['name']}/performance", name="/models/{name}/performance"
            )


def _some(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    return random.sample(rows, count)
