"""The public keys of the issuer of tokens (JWKS), from a file or a URL, as of a moment ago."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import jwt

from framework.files import file_state
from serving.access.key_ring import LOOK_SECONDS

logger = logging.getLogger("bentoml.serving")

ASK_AGAIN_SECONDS = 1.0
"""How soon a URL may be asked again, because a token names a key that is not among them."""

_FETCH_SECONDS = 10.0
_MOST_BYTES = 2**20
# Whoever can verify by one of these cannot sign.
_PUBLIC = {"RSA", "EC", "OKP"}


class IssuerKeysError(Exception):
    """The keys cannot be had; the message says from where, and why."""


class IssuerKeys:
    """The keys, which stay where they cannot be had anew.

    Args:
        source: A file, or a URL.
        refresh_seconds: How often a URL is asked.
    """

    def __init__(self, source: str, refresh_seconds: float) -> None:
        self._source = source
        self._refresh_seconds = refresh_seconds
        self._is_url = "://" in source
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        self._seen: tuple[int, ...] = ()
        self._content = b""
        self._is_wanted = asyncio.Event()

    def find(self, name: str | None) -> jwt.PyJWK | None:
        """Returns the key of a name (`kid`); one that is not there is soon looked for."""
        key = self._keys.get(name)
        if key is None:
            self._is_wanted.set()
        return key

    async def start(self) -> None:
        """Has the keys, if they can be had now."""
        if self._is_url:
            await self._fetch()
        else:
            await self._read()

    async def watch(self, changed: Callable[[], None]) -> None:
        """Follows what they are.

        Args:
            changed: Called when they are others: those that are gone are forgotten.
        """
        while True:
            if self._is_url:
                await asyncio.sleep(ASK_AGAIN_SECONDS)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._is_wanted.wait(), self._refresh_seconds)
                is_changed = await self._fetch()
            else:
                await asyncio.sleep(LOOK_SECONDS)
                is_changed = await self._read()
            if is_changed:
                changed()

    async def _read(self) -> bool:
        path = Path(self._source)
        state = await asyncio.to_thread(file_state, path)
        if state == self._seen:
            return False
        self._seen = state
        try:
            content = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            return self._stay(error.strerror or str(error))
        return self._take(content)

    async def _fetch(self) -> bool:
        self._is_wanted.clear()
        content = bytearray()
        try:
            async with (
                httpx.AsyncClient(timeout=_FETCH_SECONDS) as client,
                client.stream("GET", self._source) as response,
                asyncio.timeout(_FETCH_SECONDS),
            ):
                response.raise_for_status()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > _MOST_BYTES:
                        return self._stay(f"more than {_MOST_BYTES:,} bytes")
        except httpx.HTTPStatusError as error:
            return self._stay(f"HTTP status {error.response.status_code}")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return self._stay(f"{type(error).__name__}: {error}")
        return self._take(bytes(content))

    def _take(self, content: bytes) -> bool:
        try:
            keys = jwt.PyJWKSet.from_dict(json.loads(content)).keys
        except (jwt.PyJWTError, ValueError, AttributeError, TypeError) as error:
            return self._stay(f"no set of keys: {error}")
        taken = {
            one.key_id: one
            for one in keys
            if one.key_type in _PUBLIC and one.public_key_use in (None, "sig")
        }
        is_changed, self._content = content != self._content, content
        self._keys = taken
        if is_changed:
            logger.info("%d keys of the tokens' issuer may be used", len(taken))
        return is_changed

    def _stay(self, reason: str) -> bool:
        logger.error("The issuer's keys stay as they were: %s (%s)", self._source, reason)
        return False
