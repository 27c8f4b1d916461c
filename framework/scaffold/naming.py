"""Names: of models, fields, types and what requests call their rows."""

import builtins
import difflib
import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable

from pydantic import BaseModel

from framework.model import RESERVED
from framework.scaffold.errors import ScaffoldError

_MODEL_NAME = re.compile(r"[a-z][a-z0-9_]*")
_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def require_name(name: str, what: str, taken: Collection[str] = ()) -> None:
    """Makes sure that a name may be given to a model, or to the rows of its requests.

    Raises:
        ScaffoldError: It may not; the message says what a name should be.
    """
    if not _MODEL_NAME.fullmatch(name):
        raise ScaffoldError(
            f"{name!r} is no name for {what}: take lower-case letters, digits and underscores, "
            f"beginning with a letter, such as {identifier(name)!r}."
        )
    if name in RESERVED or keyword.iskeyword(name) or hasattr(builtins, name):
        raise ScaffoldError(
            f"{name!r} already means something else in Python or in the server; take another name "
            f"for {what}, such as {name + '_model'!r}."
        )
    if name in taken:
        raise ScaffoldError(f"The name {name!r} is taken; take another one for {what}.")


def identifier(column: str, taken: Iterable[str] = ()) -> str:
    """Returns the name of a field for a column: lower-case, ASCII, and nobody else's."""
    ascii_only = unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode()
    words = _WORD_BOUNDARY.sub("_", ascii_only)
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    if not name or name[0].isdigit():
        name = f"column_{name}".rstrip("_")
    # `l` looks like 1, and what pydantic or Python use cannot be a field.
    if name == "l" or keyword.iskeyword(name) or hasattr(BaseModel, name):
        name = f"{name}_"
    taken = set(taken)
    count = 1
    unique = name
    while unique in taken:
        count += 1
        unique = f"{name}_{count}"
    return unique


def type_name(name: str) -> str:
    """Returns a name in the spelling of types."""
    return name.title().replace("_", "")


def singular(name: str) -> str:
    """Returns what one of several is called, as far as the spelling tells."""
    for ending, one in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("s", "")):
        if name.endswith(ending) and not name.endswith("ss") and len(name) > len(ending) + 1:
            return name.removesuffix(ending) + one
    return name


def nearest(name: str, names: Iterable[str]) -> str:
    """Returns a hint at the nearest of some names, or nothing."""
    by_case = {one.casefold(): one for one in names}
    found = difflib.get_close_matches(name.casefold(), by_case, 1)
    return f" (did you mean {by_case[found[0]]!r}?)" if found else ""
