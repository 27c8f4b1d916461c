"""What a person sees at the terminal: progress on standard error, the tables on standard output."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from load_tests.matrix import Progress as Report
from load_tests.results import Results, percentile, rate
from load_tests.targets import Target

_STYLES = {True: "green", False: "bold red", None: "dim"}


@contextmanager
def progress(total: int) -> Iterator[Report]:
    """A bar on standard error; the function it gives moves it on and says what is done now."""
    columns = (
        BarColumn(20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)

        def report(what: str) -> None:
            bar.update(task, advance=1, description=what)

        yield report


def show(results: Results, targets: list[Target]) -> None:
    """Prints the rates of all cells, then the target table, then what went wrong."""
    console = Console()
    console.print(_cells(results))
    table = Table("measure", "wanted", "measured: median (range)", "", title="What must be reached")
    for one in targets:
        table.add_row(
            one.measure, one.wanted, one.measured, one.verdict, style=_STYLES[one.reached]
        )
    console.print(table)
    for failure in results.failures():
        console.print(f"WRONG: {failure}", style="bold red", markup=False)


def _cells(results: Results) -> Table:
    table = Table("situation", "system", "requests/s", "p50 ms", "p99 ms", title="Medians (range)")
    cells = dict.fromkeys(one.cell for one in results.measurements)
    for cell in cells:
        for name in dict.fromkeys(one.system for one in results.measurements if one.cell == cell):
            values = [
                results.spread(name, cell, value).show(digits)  # type: ignore[union-attr] # there is one
                for value, digits in ((rate, 0), (percentile("p50"), 2), (percentile("p99"), 2))
            ]
            table.add_row(str(cell), name, *values)
    return table
