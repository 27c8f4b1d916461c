"""Rows and labels unlike those that a model was measured on raise alerts."""

from deploy.processes import wait_until
from tests.prometheus import Prometheus
from tests.server.asked import MODEL
from tests.server.monitored.conftest import DEADLINE_SECONDS


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
