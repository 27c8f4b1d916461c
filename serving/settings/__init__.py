"""Settings of the server, read once from the environment."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from bentoml.exceptions import BentoMLConfigException
from pydantic import AliasChoices, BeforeValidator, Field, ValidationError, model_validator

from framework.adapters.bentoml import ANY_ADDRESS
from serving.settings.access import Access
from serving.settings.group import LOOPBACK, Bytes, Rows, Seconds
from serving.settings.listening import Listening
from serving.settings.spelling import PREFIX, unknown_settings


class Settings(Listening, Access):
    """How the server runs; every field is `MODEL_SERVER_<NAME>` in the environment."""

    workers: int = Field(
        default=1, gt=0, le=1_024, validation_alias=AliasChoices(f"{PREFIX}WORKERS", "WORKERS")
    )
    """Worker processes; one per core is enough. `WORKERS` sets it too."""

    models: str = Field(default="", validation_alias=AliasChoices(f"{PREFIX}MODELS", "MODELS"))
    """Names of the models to serve, separated by commas; all if empty. `MODELS` sets it too."""

    max_body_bytes: Bytes = 16 * 2**20
    """Largest request body accepted, in bytes; a larger one is answered 413."""

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

    database: str = Field(default="", repr=False)
    """URL of the database that `python -m monitoring` keeps labels in; the server uses none."""

    @property
    def default_host(self) -> str:
        """Address to listen on where none was chosen."""
        return LOOPBACK if self.is_loopback_only else ANY_ADDRESS

    @property
    def rpc_host(self) -> str:
        """Address that gRPC listens on."""
        return self.grpc_host or self.default_host

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
