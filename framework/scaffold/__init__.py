"""From a table to a model: what `python -m framework new` writes, and `remove` takes away."""

from framework.scaffold.commands import add, new, remove
from framework.scaffold.errors import ScaffoldError

__all__ = ["ScaffoldError", "add", "new", "remove"]
