"""Whether a stored model is still what was stored: SHA-256 of every file.

Training writes the hashes of a model's files into its card, and the card's own beside BentoML's
metadata. They are compared before any library reads a file: golden examples are few, and a
library may end the process over a file that is broken.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import bentoml

from framework.refusal import ModelRefusedError

CARD_SHA256 = "card_sha256"
"""Key of the card's hash in the metadata of a stored model."""

# Written by BentoML when all else is there; it holds the card's hash.
_METADATA_FILE = "model.yaml"


def digest(content: bytes) -> str:
    """Returns the SHA-256 of a file's content, as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def require_card(stored: bentoml.Model, content: bytes) -> None:
    """Makes sure that the card of a stored model is the one that was stored.

    Raises:
        ModelRefusedError: It has changed.
    """
    recorded = stored.info.metadata.get(CARD_SHA256)
    if recorded is not None and recorded != digest(content):
        raise _refusal(stored, ["its card has changed"])


def require_files(stored: bentoml.Model, card: str, recorded: Mapping[str, str]) -> None:
    """Makes sure that the files of a stored model are those that were stored.

    Args:
        stored: The model.
        card: Name of its card's file.
        recorded: What the card says: file name → SHA-256. Nothing in cards of earlier versions,
            which are taken at their word.

    Raises:
        ModelRefusedError: A file has changed, is missing, cannot be read, or was not there; the
            message names each.
    """
    if not recorded:
        return
    folder = Path(stored.path)
    problems = []
    if CARD_SHA256 not in stored.info.metadata:
        problems.append(f"{_METADATA_FILE} has lost the card's hash")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    for name in sorted(recorded):
        if name not in found:
            problems.append(f"{name} is missing")
            continue
        try:
            with (folder / name).open("rb") as file:
                changed = hashlib.file_digest(file, "sha256").hexdigest() != recorded[name]
        except OSError as error:
            problems.append(f"{name} cannot be read ({error.strerror})")
        else:
            problems += [f"{name} has changed"] if changed else []
    further = found - recorded.keys() - {card, _METADATA_FILE}
    problems += [f"{name} was added" for name in sorted(further)]
    if problems:
        raise _refusal(stored, problems)


def _refusal(stored: bentoml.Model, problems: list[str]) -> ModelRefusedError:
    return ModelRefusedError(
        f"Model {stored.tag} is not what was stored: {', '.join(problems)}; restore its folder "
        f"from a copy, or retrain with `python -m training {stored.tag.name}`."
    )
