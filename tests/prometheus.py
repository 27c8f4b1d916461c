"""A real Prometheus for tests: it scrapes every second, and its alerts do not wait for hours."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from deploy.monitoring.rules import RULES, plain_rules
from deploy.processes import Child, free_port
from tests.tools import require_tool

CONFIGURATION = RULES.parents[3] / "monitoring" / "prometheus.yml"
START_SECONDS = 30
WINDOWS = {"5m": 5, "10m": 5, "30m": 6, "1h": 8, "2h": 8, "6h": 12, "1d": 15, "3d": 20}
"""Seconds that stand for a window of the rules: as many in a row as there are samples in it."""


def impatient_rules() -> dict[str, Any]:
    """The rules, the same but for their times: windows of seconds, and no waiting before firing."""
    text = re.sub(r"\[(\w+)\]", lambda window: f"[{WINDOWS[window[1]]}s]", plain_rules())
    rules: dict[str, Any] = yaml.safe_load(text)
    for group in rules["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "1s"
    return rules


class Prometheus(Child):
    """A running Prometheus, on a free port of the loopback interface.

    Args:
        folder: Where it may write.
        targets: Host and port of what it scrapes, by the job's name.
    """

    def __init__(self, folder: Path, targets: Mapping[str, str]) -> None:
        configuration = yaml.safe_load(CONFIGURATION.read_text())
        configuration["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s"}
        jobs = configuration["scrape_configs"]
        for job in jobs:
            name = job["job_name"]
            job["static_configs"] = [{"targets": [targets[name]]}] if name in targets else []
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        (folder / "rules.yaml").write_text(yaml.safe_dump(impatient_rules()))
        address = f"127.0.0.1:{free_port()}"
        self._api = f"http://{address}/api/v1"
        super().__init__(
            [
                require_tool("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            folder=folder,
        )

    @classmethod
    @contextlib.contextmanager
    def start(cls, folder: Path, **targets: str) -> "Iterator[Prometheus]":
        """Starts one, waits until it has scraped everything once, and ends it afterwards.

        Args:
            folder: Where it may write.
            targets: Host and port by the job's name, with `_` for `-`.
        """
        jobs = {name.replace("_", "-"): target for name, target in targets.items()}
        with cls(folder, jobs) as prometheus:
            prometheus.wait_until(
                lambda: len(prometheus.query("up == 1")) == len(jobs),
                START_SECONDS,
                "Prometheus did not scrape",
            )
            yield prometheus

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Returns the series of an expression, now; none before it can be asked.

        Raises:
            ValueError: Prometheus does not understand it; says where.
        """
        try:
            answer = httpx.get(f"{self._api}/query", params={"query": expression}).json()
        except (httpx.TransportError, ValueError):
            return []
        if answer["status"] != "success":
            raise ValueError(f"{expression}: {answer['error']}")
        series: list[dict[str, Any]] = answer["data"]["result"]
        return series

    def firing(self, name: str = "") -> list[dict[str, Any]]:
        """Returns the alerts that fire, of all names or of one."""
        alerts = httpx.get(f"{self._api}/alerts").json()["data"]["alerts"]
        return [
            alert
            for alert in alerts
            if alert["state"] == "firing" and name in ("", alert["labels"]["alertname"])
        ]
