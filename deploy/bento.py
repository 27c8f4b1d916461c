"""Building the Bento: the code, the exact models and the pinned packages of a server."""

import os
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException

from framework.trees.compiler import CompileError, compiled_into
from framework.trees.library import SHIPPED

ROOT = Path(__file__).parent.parent
MEGABYTE = 10**6


def build_bento() -> bentoml.Bento:
    """Builds a Bento of this folder, with the models that a server started now would serve.

    Raises:
        BentoMLException: A model would not be pinned to one version.
    """
    bento = bentoml.bentos.build_bentofile(str(ROOT / "bentofile.yaml"), build_ctx=str(ROOT))
    for tag in model_tags(bento):
        if not tag.partition(":")[2] or tag.endswith(":latest"):
            raise BentoMLException(f"{bento.tag} does not pin {tag} to an exact version")
    try:
        compiled_into(Path(bento.path) / "src" / SHIPPED.relative_to(ROOT))
    except CompileError as error:
        print(f"Trees are not compiled, and LightGBM itself will score: {error}")
    return bento


def model_tags(bento: bentoml.Bento) -> list[str]:
    """Returns the exact tags of the models that a Bento takes along."""
    return sorted(str(model.tag) for model in bento.info.all_models)


def describe_bento(bento: bentoml.Bento) -> str:
    """Tells tag, models and sizes, one a line."""
    code = _folder_size(Path(bento.path))
    models = sum(_folder_size(Path(bentoml.models.get(tag).path)) for tag in model_tags(bento))
    return (
        f"Bento   {bento.tag}\n"
        f"models  {', '.join(model_tags(bento))}\n"
        f"size    {code / MEGABYTE:.1f} MB of code, {models / MEGABYTE:.1f} MB of models"
    )


def _folder_size(folder: Path) -> int:
    return sum(
        (Path(parent) / name).stat().st_size
        for parent, _, names in os.walk(folder)
        for name in names
    )
