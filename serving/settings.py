"""Settings of the server, read once from the environment."""

import os
from functools import lru_cache
from typing import Self

from bentoml.exceptions import BentoMLConfigException
from pydantic import (
    AliasChoices,
    Field,
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
    """Whether batchable APIs are answered by this server's fast path, or by BentoML alone."""

    @model_validator(mode="after")
    def _queue_holds_a_request(self) -> Self:
        if self.max_queue_rows < self.max_rows:
            raise ValueError(
                f"{PREFIX}MAX_QUEUE_ROWS ({self.max_queue_rows}) must not be less than "
                f"{PREFIX}MAX_ROWS ({self.max_rows})"
            )
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
