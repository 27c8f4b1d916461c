"""Settings of who may ask, and how much."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

from serving.settings.group import LOOPBACK, Group, Seconds
from serving.settings.spelling import PREFIX

JwtAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
"""By public keys alone: whoever can verify a token must not be able to make one."""


def _listed(given: object) -> object:
    return tuple(one.strip() for one in given.split(",")) if isinstance(given, str) else given


class Access(Group):
    """Who may ask, and how much."""

    keys: Annotated[Path | None, BeforeValidator(lambda value: value or None)] = None
    """File of API keys, made by `python -m security`; with it, every request needs a key."""

    jwt_issuer: str = ""
    """Issuer of tokens (JWT) that are taken beside API keys; with it, every request needs one."""

    jwt_audience: str = ""
    """What a token must be meant for: its `aud`."""

    jwt_keys: str = ""
    """The issuer's public keys (JWKS): a file, or a URL with https, on this machine also http."""

    jwt_algorithms: Annotated[tuple[JwtAlgorithm, ...], NoDecode, BeforeValidator(_listed)] = (
        "RS256",
        "ES256",
    )
    """Algorithms that a token may be signed by, separated by commas."""

    jwt_scope_claim: str = Field(default="scope", min_length=1)
    """Claim that holds a token's scopes: a list, or a text with spaces between."""

    jwt_refresh_seconds: Seconds = Field(default=300, ge=1)
    """How often the issuer's keys are fetched from a URL."""

    open: bool = False
    """Whether anybody may ask, from anywhere; without keys, the server listens on loopback."""

    rate: float | None = Field(default=None, gt=0, le=1e9, allow_inf_nan=False)
    """Rows a second that each key may ask for that has no limit of its own."""

    burst: int | None = Field(default=None, gt=0, le=10**9)
    """Rows that such a key may ask for at once; what comes in ten seconds if not given."""

    client_requests: int = Field(default=0, ge=0, le=1_000_000)
    """Requests of one key that a worker answers at the same time; 0 is no limit."""

    failed_attempts: int = Field(default=60, ge=0, le=1_000_000)
    """Failed attempts a minute from one address to be let in, and at once; 0 is no limit."""

    redis: str = Field(default="", repr=False)
    """URL of a Redis in which replicas share these limits; each keeps to its own without it."""

    replicas: int = Field(default=1, gt=0, le=10_000)
    """How many replicas share the limits: each keeps to its part where Redis does not answer."""

    @property
    def is_locked(self) -> bool:
        """Whether it must be known who asks."""
        return self.keys is not None or bool(self.jwt_issuer)

    @property
    def is_loopback_only(self) -> bool:
        """Whether it must listen on loopback alone: nothing says who may ask."""
        return not (self.is_locked or self.open)

    @model_validator(mode="after")
    def _burst_has_a_rate(self) -> Self:
        if self.burst is not None and self.rate is None:
            raise ValueError(f"{PREFIX}BURST needs {PREFIX}RATE")
        return self

    @model_validator(mode="after")
    def _tokens_can_be_verified(self) -> Self:
        given = {
            "JWT_ISSUER": self.jwt_issuer,
            "JWT_AUDIENCE": self.jwt_audience,
            "JWT_KEYS": self.jwt_keys,
        }
        if any(given.values()) and not all(given.values()):
            lacking = ", ".join(f"{PREFIX}{name}" for name, value in given.items() if not value)
            raise ValueError(f"tokens need {lacking}, too")
        url = urlsplit(self.jwt_keys)
        if url.scheme == "http" and url.hostname not in ("localhost", LOOPBACK, "::1"):
            raise ValueError(f"{PREFIX}JWT_KEYS must be a file, or a URL with https")
        return self
