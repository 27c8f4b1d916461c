"""The compiled kernel: where it is looked for, and what it must be before it is loaded."""

import ctypes
import grp
import hashlib
import os
import pwd
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from framework.trees.compiler import CompileError, digest_in, library_prefix

FOLDER = "compiled"
"""Name of a folder of libraries."""

SHIPPED = Path(__file__).with_name(FOLDER)
"""The one that a Bento and its image bring along."""


class NoLibraryError(Exception):
    """The kernel is not to be had; the message says why.

    Attributes:
        places: Which files are unfit, and why.
    """

    def __init__(self, reason: str, places: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.places = places


class Kernel(NamedTuple):
    """The kernel's function `score`.

    It takes a layout, rows of doubles, their number, and room for the scores; the first, second and
    last by reference.

    Attributes:
        alone: Lets no other thread run meanwhile, and so neither gives the interpreter's lock away
            nor waits for it: for what takes microseconds.
        beside: Lets others run.
    """

    alone: Any
    beside: Any


def load(folders: Sequence[Path]) -> Kernel:
    """Loads the newest library of this kernel that is in one of some folders.

    It runs in this process: nobody but its owner and root may have been able to write it, and its
    content is what its name says.

    Raises:
        NoLibraryError: There is none, or none may be loaded.
    """
    try:
        prefix = library_prefix()
    except CompileError as error:
        raise NoLibraryError(str(error)) from error
    problems = []
    for folder in folders:
        for path in sorted(folder.glob(f"{prefix}*.so"), key=lambda one: -one.stat().st_mtime):
            if problem := _problem_of(path):
                problems.append(problem)
                continue
            try:
                return _loaded(path)
            except OSError as error:
                problems.append(f"{path} cannot be loaded ({error})")
    if problems:
        raise NoLibraryError("the compiled code may not be loaded", problems)
    raise NoLibraryError("there is no compiled code (`make compile`, where there is a C compiler)")


def _loaded(path: Path) -> Kernel:
    functions = []
    for kind in (ctypes.PyDLL, ctypes.CDLL):
        # Without types of arguments, which ctypes would check in half a microsecond.
        score = kind(str(path)).score
        score.restype = None
        functions.append(score)
    return Kernel(*functions)


def _problem_of(path: Path) -> str:
    try:
        path = path.resolve(strict=True)
        for one in (path, *path.parents):
            if _is_writable_by_others(one.stat()):
                return f"{one} can be written by others"
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest_in(path.name):
            return f"{path} has changed"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    return ""


def _is_writable_by_others(found: os.stat_result) -> bool:
    if found.st_uid not in (0, os.geteuid()):
        return True
    # In a folder like /tmp everyone may make files, but take away or rename their own alone.
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX:
        return False
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not _is_of_one_member(found.st_gid)


def _is_of_one_member(group: int) -> bool:
    """Whether a group is that which many systems make for each user, to be alone in."""
    if group == 0:
        return True
    try:
        user, known = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return user.pw_gid == group and known.gr_name == user.pw_name and not known.gr_mem
