"""Tokens (JWT) of an issuer that is trusted: verified here, never made."""

from collections.abc import Callable, Iterator
from typing import Any

import jwt

from framework.access.scopes import require_scope
from serving.access.issuer_keys import IssuerKeys
from serving.access.principal import Principal, UnknownCallerError
from serving.limits.allowance import Allowance
from serving.settings import Settings

SERIES = "jwt"
"""What metrics call all bearers of tokens: there is no bound to them."""

LEEWAY_SECONDS = 30
"""How much the issuer's clock may differ."""

_MAX_ID = 64
_MISTAKES = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAudienceError: "it is meant for others",
    jwt.InvalidIssuerError: "another issuer has made it",
    jwt.InvalidSignatureError: "its signature is wrong",
    jwt.InvalidAlgorithmError: "it is signed by an algorithm that is not taken here",
    jwt.MissingRequiredClaimError: "exp, iss, aud or sub is missing",
}


class Tokens:
    """Verifies tokens by the issuer's keys of this moment.

    Args:
        settings: Issuer, audience, where its keys are, and what tokens may be signed by.
        allow: Returns how much a caller may ask for, by its id.
    """

    def __init__(self, settings: Settings, allow: Callable[[str], Allowance | None]) -> None:
        self._settings = settings
        self._allow = allow
        self.keys = IssuerKeys(settings.jwt_keys, settings.jwt_refresh_seconds)

    def owner(self, token: str) -> Principal:
        """Returns who bears a token.

        Raises:
            UnknownCallerError: It is not valid.
        """
        try:
            claims = self._verified(token)
        except jwt.PyJWTError as error:
            mistake = _MISTAKES.get(type(error), "it has not the form of one")
            raise UnknownCallerError(f"The token is not valid: {mistake}.") from None
        own_id = f"{SERIES}:{claims['sub']}"[:_MAX_ID]
        return Principal(
            own_id,
            SERIES,
            _scopes(claims.get(self._settings.jwt_scope_claim)),
            float(claims["exp"]) + LEEWAY_SECONDS,
            self._allow(own_id),
        )

    def _verified(self, token: str) -> dict[str, Any]:
        settings = self._settings
        key = self.keys.find(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            raise UnknownCallerError("The token is signed by a key that is none of the issuer's.")
        return jwt.decode(
            token,
            key,
            algorithms=settings.jwt_algorithms,
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
        )


def _scopes(claim: object) -> Iterator[str]:
    """Yields the scopes of a claim, which may hold other services' too."""
    given = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else ()
    for one in given:
        try:
            yield require_scope(str(one))
        except ValueError:
            continue
