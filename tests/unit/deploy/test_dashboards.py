"""The dashboards' files: as the panels say, and fit to be read by Grafana."""

import json
import re

import pytest

from deploy.monitoring.dashboards import DASHBOARDS, files
from deploy.monitoring.panels import Panel

PANELS = [
    panel for dashboard in DASHBOARDS for panels in dashboard.rows.values() for panel in panels
]


def test_what_is_committed_is_what_the_panels_say() -> None:
    for path, text in files().items():
        assert path.read_text() == text, "python -m deploy dashboards"


def test_panels_are_told_apart_and_do_not_overlap() -> None:
    for text in files().values():
        panels = json.loads(text)["panels"]
        numbers = [panel["id"] for panel in panels]
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
        assert len({*numbers}) == len({*places}) == len(panels)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_lines_of_a_panel_have_different_legends(panel: Panel) -> None:
    legends = [*panel.queries.values()]

    assert len({*legends}) == len(legends)
    for expression, legend in panel.queries.items():
        summed = re.search(r"\b(?:sum|count|max) by \(([^)]*)\)", expression)
        if summed and panel.kind != "table":
            kept = {*summed[1].split(", ")} - {"le"}
            assert {*re.findall(r"{{(\w+)}}", legend)} == kept
