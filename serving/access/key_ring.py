"""Whose keys there are, by the key file as of a moment ago."""

import asyncio
import logging
import math
from collections.abc import Callable
from pathlib import Path

from framework.access.key_file import Credential, KeyFile, KeyFileError, read_key_file
from framework.access.keys import digest
from serving.access.principal import Principal
from serving.limits.allowance import Allowance

logger = logging.getLogger("bentoml.serving")

LOOK_SECONDS = 1.0
"""How often the file is looked at."""

Allow = Callable[[Credential], Allowance | None]


def _any(_: Credential) -> None:
    """Allows as much as anybody wants."""


class KeyRing:
    """The keys of a file, which is read again when it has changed.

    Args:
        path: The file.
        allow: Returns how much the owner of a credential may ask for.

    Raises:
        KeyFileError: The file is missing or broken.
    """

    def __init__(self, path: Path, allow: Allow = _any) -> None:
        self._path = path
        self._allow = allow
        # Looked at first: what is written meanwhile is read once more.
        self._seen = _state(path)
        self._take(read_key_file(path))

    def owner(self, key: str) -> Principal | None:
        """Returns whose an API key is; nobody's if it is not known, or revoked."""
        return self._keys.get(digest(key))

    async def watch(self, changed: Callable[[], None]) -> None:
        """Looks at the file again and again; a broken one leaves everything as it was.

        Args:
            changed: Called when it has been read once more.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            # On a disk that hangs, it hangs alone.
            state = await asyncio.to_thread(_state, self._path)
            if state == self._seen:
                continue
            self._seen = state
            try:
                self._take(await asyncio.to_thread(read_key_file, self._path))
            except KeyFileError as error:
                logger.error("The keys stay as they were: %s", error)
            else:
                changed()

    def _take(self, file: KeyFile) -> None:
        self._keys = {one.sha256: self._principal(one) for one in file.keys if not one.revoked}
        logger.info("%s: %d keys may be used", self._path, len(self._keys))

    def _principal(self, one: Credential) -> Principal:
        expires = one.expires.timestamp() if one.expires else math.inf
        return Principal(one.id, one.id, one.scopes, expires, self._allow(one))


def _state(path: Path) -> tuple[int, ...]:
    """What changes whenever the file does, also if it is another one of the same name."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size, found.st_mode
