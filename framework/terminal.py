"""Tables for people, of commands."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

# Columns of a table that nobody looks at on a terminal.
_WIDTH = 240


def print_table(columns: Sequence[str], rows: Iterable[Iterable[str]]) -> None:
    """Prints rows under the names of their columns, as wide as the terminal is, if it is one."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*map(Text, row))
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table)
