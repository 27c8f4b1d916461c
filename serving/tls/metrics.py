"""Metrics of the certificate."""

from functools import cache

from framework.adapters.bentoml_server import metrics_client
from serving.series import NAMESPACE


class _Series:
    def __init__(self) -> None:
        client = metrics_client()
        self.expires = client.Gauge(
            f"{NAMESPACE}_tls_expiry_timestamp_seconds",
            "When the certificate of HTTPS and gRPC expires, in seconds since 1970.",
            multiprocess_mode="livemin",
        )
        self.reloads = client.Counter(
            f"{NAMESPACE}_tls_reloads",
            "How often a worker read the certificate anew; outcome: loaded, or refused, and the "
            "one before is still used.",
            ["outcome"],
        )


_series = cache(_Series)


class CertificateMetrics:
    """Tells of the certificate of a worker.

    Args:
        expires: When it expires, in seconds since 1970.
    """

    def __init__(self, expires: float) -> None:
        self._series = _series()
        # A series that begins above zero is no increase to Prometheus.
        for outcome in ("loaded", "refused"):
            self._series.reloads.labels(outcome)
        self._series.expires.set(expires)

    def read_anew(self, loaded: bool, expires: float) -> None:
        """Tells that the files had changed, and when what is used from now on expires."""
        self._series.reloads.labels("loaded" if loaded else "refused").inc()
        self._series.expires.set(expires)
