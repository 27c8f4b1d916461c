"""What only this server finds wrong with a request, and pydantic has no words for."""

from serving.errors import Loc, Problem


def problem(loc: Loc, message: str, kind: str) -> Problem:
    """Returns what is wrong at a place."""
    return {"loc": loc, "msg": message, "type": kind}


def twice(loc: Loc) -> Problem:
    """Returns the problem of a key that an object has twice."""
    return problem(loc, "The key is given more than once", "duplicate_key")


def too_many_keys(loc: Loc, most: int) -> Problem:
    """Returns the problem of an object of more keys than it may have."""
    return problem(loc, f"Object should have at most {most:,} keys", "too_many_keys")


def too_many_values(loc: Loc, most: int) -> Problem:
    """Returns the problem of a row of more values than it may have, whatever they are in."""
    return problem(loc, f"Row should have at most {most:,} values", "too_many_values")
