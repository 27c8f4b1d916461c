"""Whose keys there are, by the key file as of a moment ago."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable
from pathlib import Path

from framework.access.key_file import Credential, KeyFile, KeyFileError, read_key_file
from framework.access.keys import digest, key_id
from framework.files import file_state
from serving.access.principal import Principal, UnknownCallerError
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
        self._seen = file_state(path)
        self._take(read_key_file(path))

    def owner(self, key: str) -> Principal:
        """Returns whose an API key is.

        Raises:
            UnknownCallerError: It is none, or nobody's now.
        """
        if key_id(key) is None:
            raise UnknownCallerError(
                "What should be a key is none: it is mistyped, or not complete."
            )
        try:
            return self._keys[digest(key)]
        except KeyError:
            raise UnknownCallerError("The key is not known, or was revoked.") from None

    def bearer(self, names: Iterable[str]) -> Principal:
        """Returns who has a certificate with one of these names.

        Raises:
            UnknownCallerError: Nobody that may ask has.
        """
        for name in names:
            if (principal := self._certificates.get(name)) is not None:
                return principal
        raise UnknownCallerError("The client's certificate is not known, or was revoked.")

    async def watch(self, changed: Callable[[], None]) -> None:
        """Looks at the file again and again; a broken one leaves everything as it was.

        Args:
            changed: Called when it has been read once more.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            # On a disk that hangs, it hangs alone.
            state = await asyncio.to_thread(file_state, self._path)
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
        self._certificates = {
            one.subject: self._principal(one) for one in file.certificates if not one.revoked
        }
        logger.info(
            "%s: %d keys and %d certificates may be used",
            self._path,
            len(self._keys),
            len(self._certificates),
        )

    def _principal(self, one: Credential) -> Principal:
        expires = one.expires.timestamp() if one.expires else math.inf
        return Principal(one.id, one.id, one.scopes, expires, self._allow(one))
