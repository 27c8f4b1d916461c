"""Rows and labels unlike those that a model was measured on raise alerts."""

import re

from deploy.processes import wait_until
from tests.prometheus import Prometheus, impatient_rules
from tests.server.asked import MODEL
from tests.server.monitored.conftest import DEADLINE_SECONDS

# Told by whoever keeps a champion; without one there is nothing to compare with.
# The server has no registry's pointer, and no certificate.
TO_COME = {
    "model_server_champion_info",
    "model_server_tls_expiry_timestamp_seconds",
    "model_server_tls_reloads_total",
}


def test_other_rows_raise_the_alarm_which_names_columns(asked: Prometheus) -> None:
    wait_until(
        lambda: bool(asked.firing("ModelDrift")),
        DEADLINE_SECONDS,
        "the alert did not fire",
    )

    (alert,) = asked.firing("ModelDrift")
    assert alert["labels"]["model"] == MODEL.name
    columns = asked.query("model_monitor_drift_p_value")
    named = [
        one["metric"]["column"]
        for one in columns
        if one["metric"]["column"] in alert["annotations"]["description"]
    ]
    assert len(named) >= 3


def test_labels_that_it_does_not_tell_raise_the_other(asked: Prometheus) -> None:
    wait_until(
        lambda: bool(asked.firing("ModelPerformanceLow")),
        DEADLINE_SECONDS,
        "the alert did not fire",
    )


def test_there_is_every_metric_that_the_alerts_go_by(asked: Prometheus) -> None:
    expressions = [rule["expr"] for group in impatient_rules()["groups"] for rule in group["rules"]]
    names = {
        name
        for expression in expressions
        for name in re.findall(r"\b(?:model_server|model_monitor)_\w+\b(?!:)", expression)
    }

    assert [name for name in sorted(names - TO_COME) if not asked.query(name)] == []
