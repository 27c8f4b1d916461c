"""A version that is compared, stored or about to be."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import bentoml
from bentoml.exceptions import BentoMLException

from framework.adapters.bentoml import home_folder
from framework.bundle import Bundle
from framework.card import CARD_FILE
from framework.integrity import digest
from framework.model import Model
from framework.pointer import CHAMPION, read_pointer
from framework.refusal import ModelRefusedError
from training.files import own_files
from training.learnt import Hashes, learnt_of


@dataclass(frozen=True)
class Candidate:
    """A version with what the gate wants to know of it.

    Attributes:
        bundle: What answers.
        learnt: Hashes of the records that it has learnt from; None if nobody knows them.
        size: Bytes of the model's own files.
    """

    bundle: Bundle[Any, Any]
    learnt: Hashes | None
    size: int

    @classmethod
    def of(cls, model: Model[Any, Any], stored: bentoml.Model) -> Self:
        """Loads a stored version.

        Raises:
            ModelRefusedError: It must not serve, and so is not compared.
        """
        bundle = Bundle.load(model, stored)
        size = sum(path.stat().st_size for path in own_files(stored))
        return cls(bundle, learnt_of(stored), size)


@dataclass(frozen=True)
class Champion:
    """The version that serves.

    Attributes:
        tag: Its exact tag.
        sha256: Of its card; empty if it cannot be read.
    """

    tag: str
    sha256: str

    @classmethod
    def named(cls, tag: str) -> Self:
        """Returns the version of a tag, which need not be in the store."""
        try:
            content = Path(bentoml.models.get(tag).path_of(CARD_FILE)).read_bytes()
        except (BentoMLException, OSError):
            return cls(tag, "")
        return cls(tag, digest(content))

    @classmethod
    def serving(cls, name: str) -> Self | None:
        """Returns the champion of a model, by the registry's pointer; None if there is none.

        Raises:
            ModelRefusedError: The pointer cannot be read.
        """
        standing = read_pointer(home_folder()).standing(name, CHAMPION)
        return None if standing is None else cls.named(standing.tag)

    def load(self, model: Model[Any, Any]) -> Candidate:
        """Loads it.

        Raises:
            ModelRefusedError: It is not in the store, or must not serve.
        """
        try:
            stored = bentoml.models.get(self.tag)
        except BentoMLException:
            raise ModelRefusedError(f"Model {self.tag} is not in the model store.") from None
        return Candidate.of(model, stored)
