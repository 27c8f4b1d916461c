"""The time in which an answer of BentoML's application must begin."""

import asyncio

from starlette.responses import JSONResponse

from serving.http.asgi import App, Message, Receive, Scope, Send


class TimeLimit:
    """A middleware that answers 504 as BentoML's own does, but forgets a request with its answer.

    The timer of BentoML's keeps 5 KB of each request until the time is over: at 3,000 requests a
    second nearly half a gigabyte.

    Args:
        app: The application.
        timeout: The time, in seconds.
    """

    def __init__(self, app: App, timeout: float) -> None:
        self._app = app
        self._seconds = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Has the application answer, or answers 504 (ASGI)."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        begins = asyncio.get_running_loop().create_future()

        async def begin(message: Message) -> None:
            if not begins.done():
                begins.set_result(None)
            await send(message)

        answering = asyncio.ensure_future(self._app(scope, receive, begin))
        await asyncio.wait(
            (answering, begins), timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if begins.done() or not answering.cancel():
            await answering
            return
        told = {"error": f"Not able to process the request in {self._seconds} seconds"}
        await JSONResponse(told, status_code=504)(scope, receive, send)
