"""What is checked once, before there is any worker: what cannot start ends with one sentence."""

import os
from typing import Any

import bentoml

from framework.adapters.bentoml import (
    LIVE_PATHS,
    METRICS_PATH,
    READY_PATH,
    listen_on,
    prefixed_path,
    starting_server,
    use_metrics_folder,
    worker_count,
)
from serving.access.start import require_known_callers, tell_if_open
from serving.audit import require_audit_log
from serving.lifecycle import Lifecycle
from serving.logs import configure_logs
from serving.metrics_folder import make_metrics_folder
from serving.ports import Listener, bind
from serving.record.start import require_record_folder
from serving.settings import load_settings
from serving.siblings import ready_file


class PlainService(bentoml.Service[Any]):
    """BentoML's own service, but for its start.

    Its ports are bound before anything is touched, its master stops in bounded time, and its
    workers share their metrics in a folder of their own: BentoML's one folder for all servers of a
    home is emptied by each start, also by one that fails. The workers' web server is ours.
    """

    @property
    def further_listeners(self) -> list[Listener]:
        """What it listens on beside HTTP."""
        return []

    def inject_config(self) -> None:
        """Applies the configuration, which `bentoml serve` does just before it starts the server.

        Raises:
            BentoMLConfigException: The server could not listen, or not write down what it should.
        """
        super().inject_config()
        configure_logs(load_settings())
        if (address := starting_server()) is None:
            return
        # Only the master needs it, which starts no sooner for it.
        from framework.adapters.circus import Supervision, supervise

        settings = load_settings()
        host, port = address[0] or settings.default_host, address[1]
        listen_on(host)
        remedy = "end what listens there, or choose another port (--port, or PORT=… make serve)"
        listeners = [Listener("HTTP", host, port, remedy), *self.further_listeners]
        require_known_callers(settings, listeners)
        http, *kept = bind(listeners)
        require_record_folder(settings)
        require_audit_log(settings)
        if settings.tls is not None:
            # Workers have them before they import gRPC.
            os.environ.update(settings.tls.environment)
        folder = make_metrics_folder()
        use_metrics_folder(folder)
        supervise(
            Supervision(
                http,
                kept,
                settings.drain_seconds,
                settings.timeout_seconds,
                is_ready=lambda pid: ready_file(folder, pid).exists(),
                on_start=lambda: tell_if_open(settings, listeners),
            )
        )

    def to_asgi(self, is_main: bool = True) -> Any:
        """Returns BentoML's application."""
        app = super().to_asgi(is_main=is_main)
        # Training need not load a web server.
        from framework.adapters.uvicorn_server import serve_by

        settings = load_settings()
        serve_by(
            Lifecycle(
                settings.drain_seconds,
                settings.timeout_seconds,
                worker_count(self.name),
                on_drain=lambda: None,
                on_stop=lambda: None,
                hangs=lambda: False,
                probes=[
                    prefixed_path(self, path) for path in (*LIVE_PATHS, READY_PATH, METRICS_PATH)
                ],
                on_refuse=lambda status: None,
                limits=settings.connections,
            )
        )
        return app
