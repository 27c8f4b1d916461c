"""What is checked once, before there is any worker: a start in vain ends with one sentence."""

from typing import Any

import bentoml

from framework.adapters.bentoml import starting_server, use_metrics_folder
from serving.metrics_folder import make_metrics_folder
from serving.ports import Listener, require_free_ports


class PlainService(bentoml.Service[Any]):
    """BentoML's own service, but for its start.

    Its ports are checked before anything is touched, and its workers share their metrics in a
    folder of their own: BentoML's one folder for all servers of a home is emptied by each start,
    also by one that fails.
    """

    @property
    def further_listeners(self) -> list[Listener]:
        """What it listens on beside HTTP."""
        return []

    def inject_config(self) -> None:
        """Applies the configuration, which `bentoml serve` does just before it starts the server.

        Raises:
            BentoMLConfigException: The server could not listen.
        """
        super().inject_config()
        if (http := starting_server()) is not None:
            remedy = "end what listens there, or choose another port (--port, or PORT=… make serve)"
            require_free_ports([Listener("HTTP", *http, remedy), *self.further_listeners])
            use_metrics_folder(make_metrics_folder())
