"""Stored models as earlier versions stored them."""

import re
from collections.abc import Callable
from pathlib import Path

from framework import ModelCard
from framework.card import CARD_FILE


def without_hashes(
    folder: Path, change: Callable[[ModelCard], ModelCard] = lambda card: card
) -> None:
    """Takes the hashes of a stored model away, so that nobody notices a change.

    Args:
        folder: The model's folder.
        change: Changes its card.
    """
    path = folder / CARD_FILE
    card = change(ModelCard.model_validate_json(path.read_bytes()))
    path.write_text(card.model_dump_json(exclude={"files"}))
    about = folder / "model.yaml"
    about.write_text(re.sub(r"^ +card_sha256:.*\n", "", about.read_text(), flags=re.MULTILINE))
