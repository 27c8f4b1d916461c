"""Lets in whoever shows a credential that allows what is asked for: for all protocols."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Self

from framework.access.scopes import Need
from serving.access.key_ring import KeyRing
from serving.access.principal import NOBODY, Principal, UnknownCallerError, asking
from serving.errors import Code, ServingError
from serving.limits.start import Limits
from serving.optional import tokens_of
from serving.settings import Settings

if TYPE_CHECKING:
    from serving.access.tokens import Tokens

CREDENTIALS = (b"authorization", b"x-api-key")
"""Headers, and names in a gRPC call's metadata, that show who asks."""

Names = Callable[[], Iterable[str]]

_SCHEME = b"Bearer "
_CHALLENGE_HEADER = "www-authenticate"
_CHALLENGE = 'Bearer realm="model-server"'
# Forms in which credentials were shown that are remembered: a key has a few, a client one.
_MOST_REMEMBERED = 4_096
_MAX_BYTES = 8_192
_DOTS_OF_A_TOKEN = 2


class NotAdmittedError(ServingError):
    """A request that was not let in: `unauthenticated` or `forbidden`.

    `rate_limited` where there were too many of the former from one address.

    Args:
        code: The table's row.
        message: One sentence for the client.
        headers: Further response headers, lower-case.
        principal: Who asked, if that is known.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        headers: Sequence[tuple[str, str]],
        principal: Principal = NOBODY,
    ) -> None:
        super().__init__(code, message, headers=headers)
        self.principal = principal


class Door(Protocol):
    """Where a request is let in, or not."""

    def known(self, need: Need | None, shown: Mapping[bytes, bytes]) -> Principal | None:
        """Returns who asks, and counts the request, where its headers are enough to let it in.

        If it returns None, `admit` decides.
        """
        ...

    def admit(
        self,
        need: Need | None,
        shown: Mapping[bytes, bytes],
        address: str = "",
        names: Names = tuple,
    ) -> Principal:
        """Returns who asks, and counts the request.

        Args:
            need: What the request needs; None if it is public.
            shown: The request's headers, or those of `CREDENTIALS` that a call's metadata has.
            address: Where it comes from.
            names: Tells the names in the certificate of the client, as TLS has verified it.

        Raises:
            NotAdmittedError: It is not let in.
        """
        ...

    def look(
        self, need: Need | None, shown: Mapping[bytes, bytes], names: Names = tuple
    ) -> Principal:
        """Does the same for a request that is admitted later."""
        ...


class OpenDoor(Door):
    """A door that asks nobody: anybody may come in, or the gateway has asked."""

    def known(self, need: Need | None, shown: Mapping[bytes, bytes]) -> Principal | None:
        """Returns whom the gateway has let in."""
        return asking.get()

    def admit(
        self,
        need: Need | None,
        shown: Mapping[bytes, bytes],
        address: str = "",
        names: Names = tuple,
    ) -> Principal:
        """Returns whom the gateway has let in."""
        return asking.get()

    def look(
        self, need: Need | None, shown: Mapping[bytes, bytes], names: Names = tuple
    ) -> Principal:
        """Returns whom the gateway has let in."""
        return asking.get()


class LockedDoor(Door):
    """The door of a server that wants to know who asks.

    Args:
        keys: Whose the API keys are, if there are any.
        tokens: Verifies tokens, if any are taken.
        limits: How much may be asked for.

    Attributes:
        admitted: How many requests were let in since somebody asked, by `Principal.series`.
    """

    def __init__(self, keys: KeyRing | None, tokens: "Tokens | None", limits: Limits) -> None:
        self._keys = keys
        self._tokens = tokens
        self._limits = limits
        # What was shown → who showed it. Looked up as it is, because a digest costs nine times as
        # much; guesses learn nothing of it by time, for bytes are hashed with a secret first.
        self._remembered: dict[bytes, Principal] = {}
        self.admitted: Counter[str] = Counter()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Makes the door that the settings want, of a server that is not open.

        Raises:
            KeyFileError: The key file is missing or broken.
            OSError: The file of the limits that workers share cannot be written.
        """
        limits = Limits(settings)
        keys = KeyRing(settings.keys, limits.allow) if settings.keys else None
        return cls(keys, tokens_of(settings, limits.allow_usual), limits)

    async def start(self) -> None:
        """Has what is needed to know who asks, as far as it can be had now."""
        if self._tokens is not None:
            await self._tokens.keys.start()

    async def watch(self) -> None:
        """Follows what changes of the credentials, until it is cancelled."""
        changed = self._remembered.clear
        try:
            async with asyncio.TaskGroup() as group:
                if self._keys is not None:
                    group.create_task(self._keys.watch(changed))
                if self._tokens is not None:
                    group.create_task(self._tokens.keys.watch(changed))
        finally:
            await self._limits.close()

    def known(self, need: Need | None, shown: Mapping[bytes, bytes]) -> Principal | None:
        """See `Door.known`: whoever has asked before, in the same words."""
        principal = self._remembered.get(shown.get(b"authorization", b""))
        if (
            principal is None
            or need is None
            or principal.expires <= time.time()
            or need.accepted.isdisjoint(principal.scopes)
        ):
            return None
        self.admitted[principal.series] += 1
        return principal

    def admit(
        self,
        need: Need | None,
        shown: Mapping[bytes, bytes],
        address: str = "",
        names: Names = tuple,
    ) -> Principal:
        """See `Door.admit`."""
        try:
            principal = self.look(need, shown, names)
        except NotAdmittedError as error:
            if error.code is Code.UNAUTHENTICATED:
                self._count_failure(address)
            raise
        if need is not None:
            self.admitted[principal.series] += 1
        return principal

    def _count_failure(self, address: str) -> None:
        try:
            self._limits.fail(address)
        except ServingError as limited:
            raise NotAdmittedError(limited.code, str(limited), limited.headers) from None

    def look(
        self, need: Need | None, shown: Mapping[bytes, bytes], names: Names = tuple
    ) -> Principal:
        """See `Door.look`."""
        if need is None:
            return NOBODY
        principal = self._identify(shown, names)
        if need.accepted.isdisjoint(principal.scopes):
            raise forbidden(need, principal)
        return principal

    def _identify(self, shown: Mapping[bytes, bytes], names: Names) -> Principal:
        given = shown.get(b"authorization", b"")
        if given[: len(_SCHEME)].title() != _SCHEME:
            key = shown.get(b"x-api-key")
            if key is None:
                return self._bearer(names, given)
            given = _SCHEME + key
        principal = self._remembered.get(given)
        if principal is None:
            principal = self._owner(given[len(_SCHEME) :])
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[given] = principal
        if principal.expires <= time.time():
            raise _unauthenticated("The key or token has expired.", was_shown=True)
        return principal

    def _bearer(self, names: Names, given: bytes) -> Principal:
        """Returns who has the client's certificate, where no key is shown."""
        told = names()
        if not told or self._keys is None:
            raise _unknown(given)
        try:
            principal = self._keys.bearer(told)
        except UnknownCallerError as error:
            raise _unauthenticated(str(error), was_shown=False) from None
        if principal.expires <= time.time():
            raise _unauthenticated("The client's certificate is known no more.", was_shown=False)
        return principal

    def _owner(self, shown: bytes) -> Principal:
        if len(shown) > _MAX_BYTES:
            raise _unauthenticated("What should be a key is too long for one.", was_shown=True)
        text = shown.decode("latin-1")
        source: KeyRing | Tokens | None = self._keys
        if self._tokens is not None and text.count(".") == _DOTS_OF_A_TOKEN:
            source = self._tokens
        if source is None:
            raise _unauthenticated("API keys are not taken here, tokens are.", was_shown=True)
        try:
            return source.owner(text)
        except UnknownCallerError as error:
            raise _unauthenticated(str(error), was_shown=True) from None


def _unknown(given: bytes) -> NotAdmittedError:
    message = (
        "This server wants to know who asks: send a key as `Authorization: Bearer KEY`, or in "
        "X-API-Key."
    )
    return _unauthenticated(message, was_shown=bool(given))


def _unauthenticated(message: str, *, was_shown: bool) -> NotAdmittedError:
    challenge = f'{_CHALLENGE}, error="invalid_token"' if was_shown else _CHALLENGE
    return NotAdmittedError(Code.UNAUTHENTICATED, message, [(_CHALLENGE_HEADER, challenge)])


def forbidden(need: Need, principal: Principal) -> NotAdmittedError:
    """Makes the error for a request that who asks may not make."""
    challenge = f'{_CHALLENGE}, error="insufficient_scope", scope="{need.name}"'
    return NotAdmittedError(
        Code.FORBIDDEN,
        f"The key does not allow this: it needs the scope {need.name}.",
        [(_CHALLENGE_HEADER, challenge)],
        principal,
    )
