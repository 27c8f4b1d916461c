"""The Prometheus metrics of a worker."""

from functools import cache

from framework.adapters.bentoml_server import metrics_client

NAMESPACE = "model_server"
SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
ROWS = tuple(2**power for power in range(15))


class Series:
    """The Prometheus metrics that the counts are handed to, declared once in a process."""

    def __init__(self) -> None:
        client = metrics_client()
        labels = ["route", "model"]
        # One status for all protocols, so that one rule watches all.
        request_labels = [*labels, "protocol", "status"]
        self.requests = client.Counter(
            f"{NAMESPACE}_requests",
            "Requests answered. Over gRPC and Connect the route is the method, and the status the "
            "one that plain HTTP has for the same outcome; 499: the client had left.",
            request_labels,
        )
        self.seconds = client.Histogram(
            f"{NAMESPACE}_request_seconds",
            "Time from a request's head (gRPC: message) to its answer.",
            request_labels,
            buckets=SECONDS,
        )
        self.caller_requests = client.Counter(
            f"{NAMESPACE}_caller_requests",
            "Requests let in, by the id of who asked.",
            ["caller"],
        )
        self.queue_wait = client.Histogram(
            f"{NAMESPACE}_queue_wait_seconds",
            "Time from a request's arrival to its first batch.",
            labels,
            buckets=SECONDS,
        )
        self.batch_rows = client.Histogram(
            f"{NAMESPACE}_batch_rows", "Rows in a batch.", labels, buckets=ROWS
        )
        self.last_batch = client.Gauge(
            f"{NAMESPACE}_last_batch_timestamp_seconds",
            "When a model's last batch was computed, in seconds since 1970.",
            ["model"],
            multiprocess_mode="max",
        )
        self.queue_rows = client.Gauge(
            f"{NAMESPACE}_queue_rows",
            "Rows waiting for a batch.",
            labels,
            multiprocess_mode="livesum",
        )
        self.compiled = client.Gauge(
            f"{NAMESPACE}_compiled",
            "Whether compiled trees score a model, and not the library that fitted them.",
            ["model"],
            multiprocess_mode="livemin",
        )
        self.audit_dropped = client.Counter(
            f"{NAMESPACE}_audit_dropped", "Lines that did not get into the audit log."
        )
        self.refusals = client.Counter(
            f"{NAMESPACE}_refusals", "Requests refused under load.", [*labels, "reason"]
        )
        self.champion_info = client.Gauge(
            f"{NAMESPACE}_champion_info",
            "1 for the version that the registry says should serve, 0 for one that should no more.",
            ["model", "tag"],
            # Another worker may not have looked since.
            multiprocess_mode="livemostrecent",
        )
        self.model_info = client.Gauge(
            f"{NAMESPACE}_model_info",
            "1 for a version that is served, by its exact tag; 0 for one that was.",
            ["model", "tag"],
            multiprocess_mode="livemax",
        )
        self.shadow = client.Counter(
            f"{NAMESPACE}_shadow_requests",
            "Requests that a shadow version answered unseen, or was to.",
            ["model", "outcome"],
        )
        self.swaps = client.Counter(
            f"{NAMESPACE}_swaps",
            "Versions that a worker took over without a restart, or refused to.",
            ["model", "outcome"],
        )
        self.workers = client.Gauge(
            f"{NAMESPACE}_workers",
            "Worker processes that a service should have.",
            ["runner_name"],
            multiprocess_mode="livemax",
        )
        self.workers_serving = client.Gauge(
            f"{NAMESPACE}_workers_serving",
            "Worker processes that a service has.",
            ["runner_name"],
            multiprocess_mode="livesum",
        )


@cache
def series() -> Series:
    """Returns the series of this process."""
    return Series()
