"""What all groups of settings have in common."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.settings.spelling import PREFIX

# More than anybody needs; what is beyond is a slip, and would only show in a worker.
Rows = Annotated[int, Field(gt=0, le=100_000_000)]
Bytes = Annotated[int, Field(gt=0, lt=2**31)]  # as gRPC has it
Seconds = Annotated[float, Field(le=86_400, allow_inf_nan=False)]

LOOPBACK = "127.0.0.1"


class Group(BaseSettings):
    """Some settings; every field is `MODEL_SERVER_<NAME>` in the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True
    )
