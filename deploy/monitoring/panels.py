"""What the dashboards show: every panel with its queries, in the order of the screen."""

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


_ASKED = 'namespace=~"$namespace", model=~"$model"'
_SERVER = 'namespace=~"$namespace"'


def _rate(metric: str, selector: str = _ASKED) -> str:
    return f"rate({metric}{{{selector}}}[$__rate_interval])"


def _quantiles(metric: str, selector: str = _ASKED) -> dict[str, str]:
    buckets = _rate(f"{metric}_bucket", selector)
    return {
        f"histogram_quantile({share / 100}, sum by (le) ({buckets}))": f"p{share}"
        for share in (50, 90, 99)
    }


SERVER = Dashboard(
    "model-server",
    "Model server",
    "model_server_requests_total",
    {
        "Traffic": (
            Panel(
                "Requests by status",
                {f"sum by (status) ({_rate('model_server_requests_total')})": "{{status}}"},
                "reqps",
                about="Over every protocol the status is the one that HTTP has. "
                "499: the client had left.",
            ),
            Panel(
                "Requests by model and protocol",
                {
                    f"sum by (model, protocol) ({_rate('model_server_requests_total')})": (
                        "{{model}} {{protocol}}"
                    )
                },
                "reqps",
            ),
            Panel(
                "Error budget: how many times faster it goes than it may",
                {
                    "model_server:bad_requests:ratio_rate1h{" + _ASKED + "} / on (objective)"
                    " group_left model_server:error_budget:ratio": "{{model}} {{objective}}"
                },
                about="Over the last hour. At 1 it lasts for just the 30 days; "
                "14.4 wakes somebody.",
            ),
            Panel(
                "Refused under load",
                {
                    f"sum by (model, reason) ({_rate('model_server_refusals_total')})": (
                        "{{model}} {{reason}}"
                    )
                },
                "reqps",
            ),
        ),
        "Latency": (
            Panel("Time to answer", _quantiles("model_server_request_seconds"), "s", log=True),
            Panel(
                "Time to answer, 99th percentile by route",
                {
                    "histogram_quantile(0.99, sum by (route, le) "
                    f"({_rate('model_server_request_seconds_bucket')}))": "{{route}}"
                },
                "s",
                log=True,
            ),
            Panel(
                "Time in the queue",
                _quantiles("model_server_queue_wait_seconds"),
                "s",
                about="From a request's arrival to its first batch: part of the time to answer.",
                log=True,
            ),
            Panel(
                "Rows that wait",
                {
                    f"sum by (model, route) (model_server_queue_rows{{{_ASKED}}})": (
                        "{{model}} {{route}}"
                    )
                },
            ),
        ),
        "Batches": (
            Panel(
                "Rows computed",
                {
                    f"sum by (model, route) ({_rate('model_server_batch_rows_sum')})": (
                        "{{model}} {{route}}"
                    )
                },
                "cps",
            ),
            Panel(
                "Rows in a batch, on average",
                {
                    f"sum by (model, route) ({_rate('model_server_batch_rows_sum')})"
                    f" / sum by (model, route) ({_rate('model_server_batch_rows_count')})": (
                        "{{model}} {{route}}"
                    )
                },
            ),
            Panel("Rows in a batch", _quantiles("model_server_batch_rows"), log=True),
            Panel(
                "Time since the last batch",
                {
                    "time() - max by (model)"
                    f" (model_server_last_batch_timestamp_seconds{{{_ASKED}}})": "{{model}}"
                },
                "s",
            ),
        ),
        "Models": (
            Panel(
                "What is served, and by how many instances",
                {f"count by (model, tag) (model_server_model_info{{{_SERVER}}})": ""},
                kind="table",
            ),
            Panel(
                "Instances by tag",
                {f"count by (tag) (model_server_model_info{{{_SERVER}}})": "{{tag}}"},
                about="During a roll-out, of a model's two tags one goes up and one down.",
            ),
            Panel(
                "Workers",
                {
                    f"sum(model_server_workers{{{_SERVER}}})": "wanted",
                    f"sum(model_server_workers_serving{{{_SERVER}}})": "serving",
                },
            ),
        ),
        "Record": (
            Panel(
                "Requests recorded",
                {f"sum({_rate('model_server_record_entries_total', _SERVER)})": "recorded"},
                "reqps",
            ),
            Panel(
                "Requests answered and not recorded",
                {
                    f"sum by (reason) ({_rate('model_server_record_dropped_total', _SERVER)})": (
                        "{{reason}}"
                    )
                },
                "reqps",
            ),
            Panel(
                "Requests that wait to be written",
                {f"sum by (instance) (model_server_record_waiting{{{_SERVER}}})": "{{instance}}"},
            ),
            Panel(
                "Bytes written",
                {f"sum({_rate('model_server_record_written_bytes_total', _SERVER)})": "written"},
                "Bps",
            ),
            Panel(
                "Bytes of the spool",
                {f"model_server_record_spool_bytes{{{_SERVER}}}": "{{instance}}"},
                "bytes",
            ),
            Panel(
                "Age of the oldest file that no converter has taken",
                {
                    f"model_server_record_oldest_unconverted_seconds{{{_SERVER}}}": "{{instance}}",
                },
                "s",
            ),
        ),
    },
)

DASHBOARDS = (SERVER,)
