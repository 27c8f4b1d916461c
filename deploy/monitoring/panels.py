"""What a dashboard consists of, and the queries that many panels have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: What it shows.
        queries: PromQL → legend, with Grafana's `{{label}}` in it.
        unit: Grafana's name of the unit of the values.
        kind: `lines` over time, the `states` of something over time, or a `table` of what is now.
        about: What is to be known to read it.
        log: Whether the scale is logarithmic.
    """

    title: str
    queries: Mapping[str, str]
    unit: str = "short"
    kind: Literal["lines", "states", "table"] = "lines"
    about: str = ""
    log: bool = False


@dataclass(frozen=True)
class Dashboard:
    """One dashboard.

    Attributes:
        name: Of its file, and in its address.
        title: Above it.
        models_of: The metric whose label `model` has the models to choose from.
        rows: Headline → panels.
    """

    name: str
    title: str
    models_of: str
    rows: Mapping[str, tuple[Panel, ...]]


ASKED = 'namespace=~"$namespace", model=~"$model"'
SERVERS = 'namespace=~"$namespace"'


def rate(metric: str, selector: str = ASKED) -> str:
    """Returns the query for how fast a counter rises."""
    return f"rate({metric}{{{selector}}}[$__rate_interval])"


def quantiles(metric: str, selector: str = ASKED) -> dict[str, str]:
    """Returns the queries for median, 90th and 99th percentile of a histogram, by legend."""
    buckets = rate(f"{metric}_bucket", selector)
    return {
        f"histogram_quantile({share / 100}, sum by (le) ({buckets}))": f"p{share}"
        for share in (50, 90, 99)
    }
