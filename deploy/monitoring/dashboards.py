"""The dashboards as JSON, which Grafana reads from a file or a ConfigMap."""

import itertools
from pathlib import Path

from grafana_foundation_sdk.builders import common, prometheus, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import ScaleDistribution
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.monitoring.model_panels import MODELS
from deploy.monitoring.panels import Dashboard, Panel
from deploy.monitoring.rules import RULES
from deploy.monitoring.server_panels import SERVER

DASHBOARDS = (SERVER, MODELS)
FOLDER = RULES.parent / "dashboards"
# Grafana's screen has 24 columns.
_WIDTH, _HEIGHT = 12, 8
_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")


def files() -> dict[Path, str]:
    """Returns what each dashboard's file has to hold."""
    return {FOLDER / f"{one.name}.json": _json(one) for one in DASHBOARDS}


def write() -> list[Path]:
    """Writes the files, and returns those that were out of date."""
    FOLDER.mkdir(exist_ok=True)
    stale = [
        path
        for path, text in files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        path.write_text(files()[path], encoding="utf-8")
    return stale


def _json(dashboard: Dashboard) -> str:
    built = (
        builders.Dashboard(dashboard.title)
        .uid(dashboard.name)
        .tags(["model-server"])
        .timezone("browser")
        .refresh("30s")
        .time("now-6h", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(
            builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        )
        .with_variable(_choice("namespace", "up"))
        .with_variable(_choice("model", dashboard.models_of))
    )
    # Grafana tells panels apart by their numbers, and the kit gives them none.
    numbers = itertools.count(1)
    for headline, panels in dashboard.rows.items():
        built.with_row(builders.Row(headline).id(next(numbers)))
        for panel in panels:
            built.with_panel(_panel(panel, next(numbers)))
    return JSONEncoder(sort_keys=True, indent=2).encode(built.build()) + "\n"


def _choice(label: str, metric: str) -> builders.QueryVariable:
    """A choice among the values of a label; all of them, also none, at first."""
    return (
        builders.QueryVariable(label)
        .datasource(_SOURCE)
        .query(f"label_values({metric}, {label})")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all"))
    )


def _panel(panel: Panel, number: int) -> Builder[models.Panel]:
    shown: timeseries.Panel | statetimeline.Panel | table.Panel
    if panel.kind == "states":
        shown = statetimeline.Panel().mappings([_YES_OR_NO])
    elif panel.kind == "table":
        shown = table.Panel().with_transformation(_WITHOUT_TIME)
    else:
        shown = timeseries.Panel().fill_opacity(5)
        if panel.log:
            log = common.ScaleDistributionConfig().type(ScaleDistribution.LOG).log(10)
            shown.scale_distribution(log)
    shown.id(number).title(panel.title).description(panel.about).unit(panel.unit)
    shown.datasource(_SOURCE).span(_WIDTH).height(_HEIGHT)
    for place, (expression, legend) in enumerate(panel.queries.items()):
        query = prometheus.Dataquery().expr(expression).ref_id(chr(ord("A") + place))
        if panel.kind == "table":
            query.instant().format(PromQueryFormat.TABLE)
        else:
            query.range().legend_format(legend)
        shown.with_target(query)
    return shown


_YES_OR_NO = models.ValueMap(
    options={
        "0": models.ValueMappingResult(text="well", color="green", index=0),
        "1": models.ValueMappingResult(text="alarm", color="red", index=1),
    }
)
_WITHOUT_TIME = models.DataTransformerConfig(
    id_val="organize", options={"excludeByName": {"Time": True}}
)
