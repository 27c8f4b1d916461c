"""Rows and labels unlike those that a model was measured on raise alerts."""

from deploy.processes import wait_until
from tests.server.asked import MODEL
from tests.server.monitored.conftest import DEADLINE_SECONDS, Asked


def test_nothing_alarms_while_all_is_as_it_was(asked: Asked) -> None:
    assert asked.quiet == []


def test_other_rows_raise_the_alarm_which_names_columns(asked: Asked) -> None:
    wait_until(
        lambda: bool(asked.prometheus.firing("ModelDrift")),
        DEADLINE_SECONDS,
        "the alert did not fire",
    )

    (alert,) = asked.prometheus.firing("ModelDrift")
    assert alert["labels"]["model"] == MODEL.name
    columns = asked.prometheus.query("model_monitor_drift_p_value")
    named = [
        one["metric"]["column"]
        for one in columns
        if one["metric"]["column"] in alert["annotations"]["description"]
    ]
    assert len(named) >= 3


def test_labels_that_it_does_not_tell_raise_the_other(asked: Asked) -> None:
    wait_until(
        lambda: bool(asked.prometheus.firing("ModelPerformanceLow")),
        DEADLINE_SECONDS,
        "the alert did not fire",
    )
