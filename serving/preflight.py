"""What is checked once, before there is any worker: a start in vain ends with one sentence."""

from serving.grpc.server import require_free_port
from serving.served import ServedModels
from serving.settings import Settings


def preflight(settings: Settings, models: ServedModels) -> None:
    """Makes sure that a server can start.

    BentoML replaces a worker that fails to start, forever; what would make each of them fail is
    found here instead.

    Raises:
        BentoMLException: A port is taken, or a model must not be served.
    """
    require_free_port(settings)
    models.load()
