"""Environment variables that are almost ours: what was meant by them."""

import os
import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches

from bentoml.exceptions import BentoMLConfigException

PREFIX = "MODEL_SERVER_"
"""How the variables of this server begin."""

_MODEL_SUFFIX = re.compile(r"_MODELS?$")
# Likeness (1: equal) to one of our names from which a name is told to mean it, with our prefix …
_CLOSE_SETTING = 0.7
# … and from which a variable is refused that anybody's program may have.
_CLOSE_MODEL, _CLOSE_PREFIX = 0.8, 0.9


def unknown_settings(known: Collection[str]) -> list[str]:
    """Returns a sentence for each variable that is no setting, and whose name should be one's.

    Args:
        known: Variables of the settings.
    """
    return [
        _unknown(name, known)
        for name in sorted(os.environ)
        if name.upper() not in known
        and (name.startswith(PREFIX) or get_close_matches(name, known, cutoff=_CLOSE_PREFIX))
    ]


def refuse_misspelt(variables: Mapping[str, str]) -> None:
    """Refuses a variable that was meant to choose a model, but is called otherwise.

    Others end in `_MODEL` too and are none of our business (`OPENAI_MODEL`). One is ours if its
    name is close to one that there is, or its value names a model of this service.

    Args:
        variables: Name of each model → the variable that chooses its version.

    Raises:
        BentoMLConfigException: There are such variables; the message names each, and the one that
            was probably meant.
    """
    stems = {_MODEL_SUFFIX.sub("", variable): variable for variable in variables.values()}
    problems = []
    for name, value in sorted(os.environ.items()):
        stem, found = _MODEL_SUFFIX.subn("", name.upper())
        if not found or name in variables.values() or name.startswith(PREFIX):
            continue
        model = value.partition(":")[0]
        if meant := _nearest(stem, stems, _CLOSE_MODEL) or variables.get(model):
            problems.append(f"{name} is unknown; did you mean {meant}?")
    if problems:
        raise BentoMLConfigException(" ".join(problems))


def _unknown(name: str, known: Collection[str]) -> str:
    names = {variable.removeprefix(PREFIX): variable for variable in known} | {
        variable: variable for variable in known
    }
    if meant := _nearest(name.removeprefix(PREFIX), names, _CLOSE_SETTING):
        return f"{name} is unknown; did you mean {meant}?"
    return f"{name} is unknown; known are {', '.join(known)}"


def _nearest(name: str, known: Mapping[str, str], cutoff: float) -> str:
    """What stands behind the name that is most like this one; nothing if none is."""
    return "".join(known[close] for close in get_close_matches(name, known, n=1, cutoff=cutoff))
