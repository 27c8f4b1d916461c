"""A service with something of every kind that can be asked: what is behind the door."""

import bentoml
from fastapi import FastAPI, WebSocket

from serving import ModelService, load_settings, resources_app
from tests.server.toy_plane import MODELS, Plane

SETTINGS = load_settings()


def own_app() -> FastAPI:
    """An application of the service's author, with routes that nobody here knows of."""
    app = FastAPI()

    @app.get("/seen")
    def seen() -> dict[str, str]:
        return {"told": "a secret"}

    @app.websocket("/talk")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("a secret")
        await socket.close()

    return app


@bentoml.service(
    name="guarded",
    service_class=ModelService,
    workers=SETTINGS.workers,
    ssl=SETTINGS.ssl,
    logging={"access": {"enabled": False}},
    envs=MODELS.environment,
)
@bentoml.asgi_app(own_app(), path="/own")
@bentoml.asgi_app(resources_app(), path="/")
@MODELS.attach
class Guarded(Plane.inner):  # type: ignore[name-defined, misc]
    """The toy models, an API and a task of BentoML's own kind, and an author's application."""

    @bentoml.api
    def greet(self, name: str) -> str:
        """Is not batchable."""
        return f"Hello {name}!"

    @bentoml.task
    def later(self, number: int) -> int:
        """Answers later."""
        return number + 1
