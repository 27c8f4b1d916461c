"""Pages that need nothing but themselves: reports of a training run, and of a check."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def environment(folder: Path) -> Environment:
    """Returns what renders the templates of a folder; they may include `page.css`."""
    made = Environment(
        loader=FileSystemLoader([folder, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["metric"] = metric
    return made


def metric(name: str, value: float | None) -> str:
    """Returns a metric as it is shown: with four digits or so that tell something."""
    if value is None:
        return "-"
    if name == "rows":
        return f"{value:,.0f}"
    digits = 4 if abs(value) < 10 else 2 if abs(value) < 1000 else 0
    return f"{value:,.{digits}f}"
