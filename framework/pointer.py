"""The registry's pointer: which version of each model is champion, for whoever serves.

The registry (`python -m registry`) writes it into BentoML's home after each change; a server reads
it without the registry's database.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from framework.files import write_whole
from framework.refusal import ModelRefusedError

FILE = "registry.json"
CHAMPION: "Alias" = "champion"
Alias = Literal["champion", "challenger", "previous", "shadow", "canary"]
"""What a version of a model may be: the one that serves, the one that might be next, the one that
served before, the one that answers beside it unseen, the one that answers some of the requests."""
SHARED: tuple[Alias, ...] = ("canary", "shadow")
"""Aliases whose version gets a share of the live requests."""


class Standing(BaseModel):
    """One version under an alias.

    Attributes:
        tag: Exact tag in the BentoML store.
        since: Since when.
        event: Number of the event in the registry's history that made it so.
        share: Share of the live requests that it gets, as shadow or canary.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: str
    since: AwareDatetime
    event: int
    share: float | None = Field(default=None, ge=0, le=1)


Standings = Mapping[Alias, Standing]


class Pointer(BaseModel):
    """The aliases of every model.

    Attributes:
        models: Name → its aliases.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, dict[Alias, Standing]] = {}

    def standing(self, name: str, alias: Alias) -> Standing | None:
        """Returns the version of a model that has an alias."""
        return self.models.get(name, {}).get(alias)

    def champions(self) -> dict[str, str]:
        """Returns the tag of each model's champion, by name."""
        return {
            name: champion.tag
            for name in self.models
            if (champion := self.standing(name, CHAMPION)) is not None
        }

    def alias_of(self, tag: str) -> tuple[Alias, Standing] | None:
        """Returns the alias of a version, and since when it has it; the first of several."""
        standings = self.models.get(tag.partition(":")[0], {})
        return next((item for item in standings.items() if item[1].tag == tag), None)


def read_pointer(home: Path) -> Pointer:
    """Returns what the pointer in BentoML's home says; nothing where there is none.

    Raises:
        ModelRefusedError: It cannot be read.
    """
    path = home / FILE
    try:
        return Pointer.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Pointer()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = ": ".join([*map(str, first["loc"]), first["msg"]])
    except OSError as error:
        problem = str(error.strerror)
    raise ModelRefusedError(
        f"{path} cannot be read ({problem}), but it says which models serve; "
        "`python -m registry list` writes it anew from the registry's history."
    )


def write_pointer(home: Path, pointer: Pointer) -> None:
    """Replaces the pointer, as a whole; only one process at a time may.

    Raises:
        OSError: It cannot be written; the earlier one stays.
    """
    content = f"{pointer.model_dump_json(exclude_none=True, indent=2)}\n".encode()
    # A server may run as another user.
    write_whole(home / FILE, lambda file: file.write(content), mode=0o666)
