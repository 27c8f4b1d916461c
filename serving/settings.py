"""Settings of the server, read once from the environment."""

import os
import ssl
from functools import lru_cache
from typing import Self

from bentoml.exceptions import BentoMLConfigException
from pydantic import (
    AliasChoices,
    Field,
    FilePath,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "MODEL_SERVER_"


class Settings(BaseSettings):
    """How the server runs; every field is `MODEL_SERVER_<NAME>` in the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    workers: PositiveInt = Field(
        default=1, validation_alias=AliasChoices(f"{PREFIX}WORKERS", "WORKERS")
    )
    """Worker processes; one per core is enough. `WORKERS` sets it too."""

    models: str = Field(default="", validation_alias=AliasChoices(f"{PREFIX}MODELS", "MODELS"))
    """Names of the models to serve, separated by commas; all if empty. `MODELS` sets it too."""

    max_body_bytes: PositiveInt = 16 * 2**20
    """Largest request body accepted, in bytes; a larger one is answered 413."""

    max_rows: PositiveInt = 10_000
    """Most rows in one request; more are answered 413."""

    max_queue_rows: PositiveInt = 100_000
    """Most rows waiting for one API's model in one worker; a request beyond is answered 503."""

    timeout_seconds: PositiveFloat = 30
    """Time after which a request is given up and answered 504."""

    access_log: bool = False
    """Whether every request is logged; it costs more than a batched prediction."""

    drain_seconds: NonNegativeFloat = 3
    """Time from SIGTERM, when readiness fails, to the closing of the socket."""

    fast_path: bool = True
    """Whether batchable APIs are answered by this server's fast path, or by BentoML alone; gRPC
    is part of the fast path."""

    grpc_port: int = Field(
        default=3001,
        ge=0,
        le=65_535,
        validation_alias=AliasChoices(f"{PREFIX}GRPC_PORT", "GRPC_PORT"),
    )
    """Port for gRPC, shared by all workers; 0 switches gRPC off. `GRPC_PORT` sets it too."""

    grpc_host: str = "0.0.0.0"  # noqa: S104 - a server; BentoML's own default, too
    """Address that gRPC listens on; `bentoml serve --host` is HTTP's alone."""

    tls_certificate: FilePath | None = None
    """File with the certificate chain (PEM) for HTTPS and for gRPC over TLS."""

    tls_key: FilePath | None = None
    """File with the certificate's private key (PEM, without password)."""

    @property
    def ssl(self) -> dict[str, str | bool]:
        """The `ssl` configuration of a BentoML service."""
        if not (self.tls_certificate and self.tls_key):
            return {"enabled": False}
        certificate, key = self.tls_certificate.resolve(), self.tls_key.resolve()
        return {"enabled": True, "certfile": str(certificate), "keyfile": str(key)}

    @model_validator(mode="after")
    def _queue_holds_a_request(self) -> Self:
        if self.max_queue_rows < self.max_rows:
            raise ValueError(
                f"{PREFIX}MAX_QUEUE_ROWS ({self.max_queue_rows}) must not be less than "
                f"{PREFIX}MAX_ROWS ({self.max_rows})"
            )
        return self

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError(f"{PREFIX}TLS_CERTIFICATE and {PREFIX}TLS_KEY go together")
        if self.tls_certificate and self.tls_key:
            try:
                # A password is asked for at the terminal unless one is given.
                ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                    self.tls_certificate, self.tls_key, password=""
                )
            except OSError as error:
                raise ValueError(
                    f"{PREFIX}TLS_CERTIFICATE ({self.tls_certificate}) and {PREFIX}TLS_KEY "
                    f"({self.tls_key}) cannot be used: {error}"
                ) from None
        return self


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Returns the settings of this process.

    Raises:
        BentoMLConfigException: A value is not allowed, or a variable with the prefix is unknown;
            the message names each.
    """
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    problems = [
        f"{name} is unknown; known are {', '.join(sorted(known))}"
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name not in known
    ]
    try:
        settings = Settings()
    except ValidationError as error:
        problems += [_problem(details["loc"], details["msg"]) for details in error.errors()]
    if problems:
        raise BentoMLConfigException("Invalid settings: " + "; ".join(problems) + ".")
    return settings


def _problem(loc: tuple[int | str, ...], message: str) -> str:
    if not loc:
        return message
    name = str(loc[0])
    return f"{name if name.isupper() else PREFIX + name.upper()}: {message}"
