"""Settings of the server, read once from the environment."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from bentoml.exceptions import BentoMLConfigException
from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    FilePath,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from framework.adapters.bentoml import ANY_ADDRESS
from framework.connections import ConnectionLimits
from serving.spelling import PREFIX, unknown_settings
from serving.tls.files import TlsFiles

_LOOPBACK = "127.0.0.1"

# More than anybody needs; what is beyond is a slip, and would only show in a worker.
Rows = Annotated[int, Field(gt=0, le=100_000_000)]
Bytes = Annotated[int, Field(gt=0, lt=2**31)]  # as gRPC has it
Seconds = Annotated[float, Field(le=86_400, allow_inf_nan=False)]


JwtAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
"""By public keys alone: whoever can verify a token must not be able to make one."""


def _listed(given: object) -> object:
    return tuple(one.strip() for one in given.split(",")) if isinstance(given, str) else given


class Settings(BaseSettings):
    """How the server runs; every field is `MODEL_SERVER_<NAME>` in the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    workers: int = Field(
        default=1, gt=0, le=1_024, validation_alias=AliasChoices(f"{PREFIX}WORKERS", "WORKERS")
    )
    """Worker processes; one per core is enough. `WORKERS` sets it too."""

    models: str = Field(default="", validation_alias=AliasChoices(f"{PREFIX}MODELS", "MODELS"))
    """Names of the models to serve, separated by commas; all if empty. `MODELS` sets it too."""

    max_body_bytes: Bytes = 16 * 2**20
    """Largest request body accepted, in bytes; a larger one is answered 413."""

    max_head_bytes: int = Field(default=65_536, ge=4_096, le=2**20)
    """Most bytes that may follow of a request's head (its path and headers) after the packet that
    it began in; more are answered 431."""

    max_connections: int = Field(default=10_000, ge=16, le=60_000)
    """Most connections that may be open to HTTP in one worker; a further one is answered 503."""

    keep_alive_seconds: Seconds = Field(default=5, ge=0.1)
    """Time after which a connection that brings no further request is closed."""

    max_rows: Rows = 10_000
    """Most rows in one request; more are answered 413."""

    max_queue_rows: Rows = 100_000
    """Most rows waiting for one API's model in one worker; a request beyond is answered 503."""

    # A large request can be wrong in every field of every row; the first problems tell enough.
    max_problems: int = Field(default=50, ge=1, le=1_000)
    """Most problems of one request that its refusal tells of."""

    # What is open is looked at four times in this time: less would keep a worker busy.
    timeout_seconds: Seconds = Field(default=30, ge=0.01)
    """Time after which a request is given up and answered 504."""

    access_log: bool = False
    """Whether every request is logged; it costs more than a batched prediction."""

    trace_share: float = Field(default=0, ge=0, le=1)
    """Share of the requests that are traced, of those whose caller does not say; 0 traces none."""

    log_format: Literal["auto", "json", "text"] = "auto"
    """Form of the log: `json`, `text`, or `auto`: text on a terminal, JSON elsewhere."""

    log_level: Literal["debug", "info", "warning", "error"] | None = None
    """Least level of what is logged; if not given, info of the server's own and warnings of
    others."""

    log_file: Path | None = None
    """File that gets the log as well, in JSON; at 64 MiB it begins anew, and five are kept."""

    drain_seconds: Seconds = Field(default=3, ge=0)
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

    grpc_host: str = ""
    """Address that gRPC listens on; `bentoml serve --host` is HTTP's alone. If empty, all there
    are, or loopback alone where anybody might ask."""

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

    tls_certificate: FilePath | None = None
    """File with the certificate chain (PEM) for HTTPS and for gRPC over TLS."""

    tls_key: FilePath | None = None
    """File with the certificate's private key (PEM, without password)."""

    tls_client_ca: FilePath | None = None
    """File with the certificates (PEM) of those who sign clients' certificates; without it clients
    are asked for none."""

    tls_client_auth: Literal["required", "optional"] = "required"
    """Whether a client without certificate is refused. gRPC asks for none where it is optional."""

    tls_minimum: Literal["1.2", "1.3"] = "1.2"
    """Least version of TLS; gRPC's library takes 1.2 in any case."""

    tls_ciphers: str = ""
    """Ciphers of TLS 1.2, in OpenSSL's words; if empty, those of the library."""

    record: Annotated[Path | None, BeforeValidator(lambda value: value or None)] = None
    """Folder of the record: every answer of a model, with the request that it answers. Nothing is
    recorded where there is none."""

    record_sample: float = Field(default=1, gt=0, le=1, allow_inf_nan=False)
    """Share of the requests that are recorded."""

    record_spool_bytes: int = Field(default=2**30, ge=2**20, lt=2**40)
    """Most that requests take which no converter has taken yet; the oldest are deleted then."""

    record_file_seconds: Seconds = Field(default=600, ge=0.1)
    """Time after which a file of the record is closed, for a converter to take."""

    audit: Annotated[Path | None, BeforeValidator(lambda value: value or None)] = None
    """File of the audit log: who was refused, and who had other models served."""

    repository: bool = False
    """Whether whoever asks may load and unload models (`/v2/repository`, and over gRPC)."""

    load_seconds: Seconds = Field(default=60, ge=0.1)
    """Time that loading another version may take while one serves; it is refused then."""

    rate: float | None = Field(default=None, gt=0, le=1e9, allow_inf_nan=False)
    """Rows a second that each key may ask for that has no limit of its own."""

    burst: int | None = Field(default=None, gt=0, le=10**9)
    """Rows that such a key may ask for at once; what comes in ten seconds if not given."""

    client_requests: int = Field(default=0, ge=0, le=1_000_000)
    """Requests of one key that a worker answers at the same time; 0 is no limit."""

    client_connections: int = Field(default=0, ge=0, le=60_000)
    """Connections from one address to HTTP in one worker; more are answered 429; 0 is no limit."""

    failed_attempts: int = Field(default=60, ge=0, le=1_000_000)
    """Failed attempts a minute from one address to be let in, and at once; 0 is no limit."""

    redis: str = Field(default="", repr=False)
    """URL of a Redis in which replicas share these limits; each keeps to its own without it."""

    replicas: int = Field(default=1, gt=0, le=10_000)
    """How many replicas share the limits: each keeps to its part where Redis does not answer."""

    database: str = Field(default="", repr=False)
    """URL of the database that `python -m monitoring` keeps labels in; the server uses none."""

    @property
    def connections(self) -> ConnectionLimits:
        """Bounds on the connections to HTTP."""
        return ConnectionLimits(
            self.max_connections,
            self.client_connections,
            self.keep_alive_seconds,
            self.max_head_bytes,
        )

    @property
    def is_locked(self) -> bool:
        """Whether it must be known who asks."""
        return self.keys is not None or bool(self.jwt_issuer)

    @property
    def is_loopback_only(self) -> bool:
        """Whether it must listen on loopback alone: nothing says who may ask."""
        return not (self.is_locked or self.open)

    @property
    def default_host(self) -> str:
        """Address to listen on where none was chosen."""
        return _LOOPBACK if self.is_loopback_only else ANY_ADDRESS

    @property
    def rpc_host(self) -> str:
        """Address that gRPC listens on."""
        return self.grpc_host or self.default_host

    @property
    def tls(self) -> TlsFiles | None:
        """Where the certificate is, if connections are encrypted."""
        if not (self.tls_certificate and self.tls_key):
            return None
        return TlsFiles(
            # Not resolved: they may be links, which are changed.
            self.tls_certificate.absolute(),
            self.tls_key.absolute(),
            self.tls_client_ca and self.tls_client_ca.absolute(),
            self.tls_client_auth == "required",
            self.tls_minimum,
            self.tls_ciphers,
        )

    @property
    def ssl(self) -> dict[str, str | bool]:
        """The `ssl` configuration of a BentoML service."""
        if not (files := self.tls):
            return {"enabled": False}
        return {"enabled": True, "certfile": str(files.certificate), "keyfile": str(files.key)}

    @model_validator(mode="after")
    def _burst_has_a_rate(self) -> Self:
        if self.burst is not None and self.rate is None:
            raise ValueError(f"{PREFIX}BURST needs {PREFIX}RATE")
        return self

    @model_validator(mode="after")
    def _queue_holds_a_request(self) -> Self:
        if self.max_queue_rows < self.max_rows:
            raise ValueError(
                f"{PREFIX}MAX_QUEUE_ROWS ({self.max_queue_rows}) must not be less than "
                f"{PREFIX}MAX_ROWS ({self.max_rows})"
            )
        return self

    @model_validator(mode="after")
    def _what_is_recorded_is_answered_here(self) -> Self:
        if self.record and not self.fast_path:
            raise ValueError(f"{PREFIX}RECORD needs {PREFIX}FAST_PATH=true")
        return self

    @model_validator(mode="after")
    def _who_asks_is_asked_here(self) -> Self:
        by = f"{PREFIX}KEYS" if self.keys else f"{PREFIX}JWT_ISSUER"
        if self.is_locked and not self.fast_path:
            raise ValueError(f"{by} needs {PREFIX}FAST_PATH=true")
        if self.is_locked and self.open:
            raise ValueError(f"{PREFIX}OPEN=true and {by} exclude each other")
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
        if url.scheme == "http" and url.hostname not in ("localhost", _LOOPBACK, "::1"):
            raise ValueError(f"{PREFIX}JWT_KEYS must be a file, or a URL with https")
        return self

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError(f"{PREFIX}TLS_CERTIFICATE and {PREFIX}TLS_KEY go together")
        if self.tls_client_ca and not self.tls_certificate:
            raise ValueError(f"{PREFIX}TLS_CLIENT_CA needs {PREFIX}TLS_CERTIFICATE")
        if files := self.tls:
            try:
                files.context()
            except OSError as error:
                names = ", ".join(map(str, files.paths))
                raise ValueError(
                    f"{PREFIX}TLS_CERTIFICATE, {PREFIX}TLS_KEY, {PREFIX}TLS_CLIENT_CA and "
                    f"{PREFIX}TLS_CIPHERS ({names}) cannot be used: {error}"
                ) from None
        return self


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Returns the settings of this process.

    Raises:
        BentoMLConfigException: A value is not allowed, or a variable is none of ours but for its
            name; the message names each, and the nearest that there is.
    """
    known = sorted(f"{PREFIX}{name.upper()}" for name in Settings.model_fields)
    problems = unknown_settings(known)
    try:
        settings = Settings()
    except ValidationError as error:
        problems += [_problem(details["loc"], details["msg"]) for details in error.errors()]
    if problems:
        raise BentoMLConfigException("Invalid settings: " + "; ".join(problems))
    return settings


def _problem(loc: tuple[int | str, ...], message: str) -> str:
    if not loc:
        return message
    name = str(loc[0])
    return f"{name if name.isupper() else PREFIX + name.upper()}: {message}"
