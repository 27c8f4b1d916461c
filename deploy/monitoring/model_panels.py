"""The dashboard of the models in use: drift and performance."""

from deploy.monitoring.panels import ASKED, Dashboard, Panel, rate

_OF_VERSION = "{{model}}:{{version}}"


def _age(metric: str, selector: str = ASKED) -> str:
    return f"time() - max by (model) ({metric}{{{selector}}})"


MODELS = Dashboard(
    "model-monitor",
    "Models in use",
    "model_monitor_last_check_timestamp_seconds",
    {
        "Drift": (
            Panel(
                "Alarm: two windows in a row drift",
                {f"model_monitor_drift_alarm{{{ASKED}}}": _OF_VERSION},
                kind="states",
            ),
            Panel(
                "Rows in the window",
                {f"model_monitor_window_records{{{ASKED}}}": _OF_VERSION},
                about="Distinct ones. Below 500 there is no verdict.",
            ),
            Panel(
                "p-value of each column",
                {
                    f"model_monitor_drift_p_value{{{ASKED}}}": f"{_OF_VERSION} {{{{column}}}}",
                    f"model_monitor_drift_level{{{ASKED}}}": f"{_OF_VERSION} level",
                },
                about="How likely so large a difference from the held-out rows is by chance. "
                "A column below the level has drifted.",
                log=True,
            ),
            Panel(
                "Size of each column's shift (PSI)",
                {f"model_monitor_drift_psi{{{ASKED}}}": f"{_OF_VERSION} {{{{column}}}}"},
                about="Population stability index. It explains an alarm and never raises one.",
            ),
            Panel(
                "Values that no held-out row comes near",
                {f"model_monitor_unseen_values{{{ASKED}}}": f"{_OF_VERSION} {{{{column}}}}"},
            ),
            Panel(
                "Requests without an answer",
                {f"model_monitor_refused_requests{{{ASKED}}}": _OF_VERSION},
                about="Refused, or failed, in the time that the check looked at.",
            ),
            Panel(
                "Time since the last check",
                {_age("model_monitor_last_check_timestamp_seconds"): "{{model}}"},
                "s",
            ),
            Panel(
                "Checks that failed",
                {
                    f"sum by (model) ({rate('model_monitor_check_failures_total')})": "{{model}}",
                },
                about="What failed is in the log of `python -m monitoring serve`.",
            ),
        ),
        "Performance": (
            Panel(
                "Alarm: worse than the card says",
                {f"model_monitor_performance_alarm{{{ASKED}}}": _OF_VERSION},
                kind="states",
            ),
            Panel(
                "Metrics on labelled rows, with their intervals, and on the card",
                {
                    f'model_monitor_performance{bound}{{{ASKED}, part="overall"}}': (
                        f"{_OF_VERSION} {{{{metric}}}}{bound.replace('_', ' ')}"
                    )
                    for bound in ("", "_low", "_high", "_card")
                },
            ),
            Panel(
                "Share of the rows that have a label",
                {f"model_monitor_label_coverage{{{ASKED}}}": _OF_VERSION},
                "percentunit",
            ),
            Panel(
                "Time since the last label",
                {_age("model_monitor_last_label_timestamp_seconds"): "{{model}}"},
                "s",
            ),
        ),
    },
)
