"""Every query of the dashboards returns something, asked of what they are about."""

import math

import pytest

from deploy.monitoring.dashboards import DASHBOARDS
from deploy.monitoring.panels import Dashboard, Panel
from deploy.processes import wait_until
from tests.prometheus import Prometheus

DEADLINE_SECONDS = 30
# As Grafana fills them in: everything chosen, and its shortest window.
CHOSEN = {"$namespace": ".*", "$model": ".*", "$__rate_interval": "10s"}
PANELS = [
    panel for dashboard in DASHBOARDS for panels in dashboard.rows.values() for panel in panels
]


def filled_in(expression: str) -> str:
    for variable, value in CHOSEN.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_every_panel_shows_something(asked: Prometheus, panel: Panel) -> None:
    for expression in panel.queries:

        def shown(expression: str = filled_in(expression)) -> bool:
            series = asked.query(expression)
            return any(not math.isnan(float(one["value"][1])) for one in series)

        wait_until(shown, DEADLINE_SECONDS, f"{expression} returns nothing")


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
def test_there_are_models_to_choose_from(asked: Prometheus, dashboard: Dashboard) -> None:
    chosen = f'{dashboard.models_of}{{model!=""}}'

    wait_until(lambda: bool(asked.query(chosen)), DEADLINE_SECONDS, f"{chosen} has none")
