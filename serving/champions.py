"""What the registry says of the models that this server has, as of now."""

import logging

from framework.adapters.bentoml import home_folder
from framework.pointer import Pointer, read_pointer
from framework.refusal import ModelRefusedError

logger = logging.getLogger("bentoml.serving")


def pointer() -> Pointer:
    """Returns the registry's pointer; an empty one where it cannot be read, which is logged.

    At the start, `ServedModels.select` refuses such a pointer; a running server goes on.
    """
    try:
        return read_pointer(home_folder())
    except ModelRefusedError as error:
        logger.warning("%s", error)
        return Pointer()
