"""What a running server tells of itself, and waiting for it."""

from collections.abc import Callable

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.processes import wait_until
from tests.processes import Server

DEADLINE_SECONDS = 15


def wait(condition: Callable[[], bool], what: str) -> None:
    """Polls until a condition is true."""
    wait_until(condition, DEADLINE_SECONDS, what)


class Scrape:
    """The samples of `/metrics` at one moment."""

    def __init__(self, server: Server) -> None:
        text = httpx.get(f"{server.url}/metrics", timeout=30).text
        self.samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """Sum of a metric over all samples with these labels."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def values(self, label: str) -> set[str]:
        """All values of a label."""
        return {sample.labels[label] for sample in self.samples if label in sample.labels}
