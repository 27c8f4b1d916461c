"""Services that take and give content: files, images, streams, answers of their own."""

import io
import os
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Annotated, Any

import bentoml
from bentoml.validators import ContentType
from PIL import Image
from PIL.Image import Image as PILImage
from pydantic import BaseModel
from starlette.responses import JSONResponse, RedirectResponse, StreamingResponse

from tests.server.differential.services import Decorate, Kind, post

Event = Annotated[str, ContentType("text/event-stream")]


class Step(BaseModel):
    """One piece of a stream."""

    number: int


def files(service: Decorate) -> Any:
    """Files, one and many, alone and beside other fields."""

    @service()
    class Files:
        @bentoml.api
        def size(self, file: Path) -> int:
            return len(file.read_bytes())

        @bentoml.api
        def read(self, file: Path, /) -> str:
            return file.read_text()

        @bentoml.api
        def many(self, files: list[Path], title: str = "") -> dict[str, int]:
            return {title: sum(len(file.read_bytes()) for file in files)}

        @bentoml.api
        def write(
            self, text: str, ctx: bentoml.Context
        ) -> Annotated[Path, ContentType("text/csv")]:
            path = Path(ctx.temp_dir) / "table.csv"
            path.write_text(text)
            # Of its time its ETag is made.
            os.utime(path, (0, 0))
            return path

    return Files


def images(service: Decorate) -> Any:
    """Images of Pillow."""

    @service()
    class Images:
        @bentoml.api
        def turn(self, image: PILImage) -> PILImage:
            return image.rotate(90, expand=True)

        @bentoml.api
        def measure(self, image: Annotated[PILImage, ContentType("image/png")], /) -> list[int]:
            return list(image.size)

    return Images


def streams(service: Decorate) -> Any:
    """Answers in pieces."""

    @service()
    class Streams:
        @bentoml.api
        def count(self, to: int) -> Generator[str, None, None]:
            for number in range(to):
                yield f"{number}\n"

        @bentoml.api
        async def steps(self, to: int) -> AsyncGenerator[Step, None]:
            for number in range(to):
                yield Step(number=number)

        @bentoml.api
        async def events(self, to: int) -> AsyncGenerator[Event, None]:
            for number in range(to):
                yield f"data: {number}\n\n"

        @bentoml.api
        def early(self, to: int) -> Generator[str, None, None]:
            if not to:
                raise bentoml.exceptions.NotFound("nothing to stream")
            yield ""

    return Streams


def contexts(service: Decorate) -> Any:
    """What a method says of its answer beside the answer."""

    @service()
    class Contexts:
        @bentoml.api
        def made(self, name: str, ctx: bentoml.Context) -> dict[str, str]:
            ctx.response.status_code = 201
            ctx.response.headers["x-made"] = name
            ctx.response.set_cookie("made", name)
            return {"agent": ctx.request.headers.get("x-agent", "")}

        @bentoml.api
        def refused(self, ctx: bentoml.Context) -> dict[str, Any]:
            ctx.response.status_code = 418
            ctx.response.headers["retry-after"] = "7"
            return {"error": {"why": ["a", "b"]}}

        @bentoml.api(batchable=True, max_latency_ms=10_000)
        def counted(self, rows: list[int], ctx: bentoml.Context) -> list[int]:
            ctx.response.headers["x-rows"] = str(len(rows))
            return rows

        @bentoml.api
        def teapot(self) -> Any:
            return JSONResponse({"detail": {"a": 1}}, 418, headers={"X-Own": "1", "ETag": '"e"'})

        @bentoml.api
        def elsewhere(self) -> Any:
            return RedirectResponse("/made")

        @bentoml.api
        def broken(self) -> Any:
            return StreamingResponse(iter(["a", "b"]), status_code=502, media_type="text/x-own")

    return Contexts


def png(size: tuple[int, int]) -> bytes:
    """An image."""
    content = io.BytesIO()
    Image.new("RGB", size, "red").save(content, "PNG")
    return content.getvalue()


FILE = {"file": ("a.txt", b"hello\n", "text/plain")}
KINDS = [
    Kind(
        files,
        [
            post("/size", files=FILE),
            post("/size", files={"file": ("big.bin", b"x" * 3_000_000)}),
            post("/size", json={"file": "no file"}),
            post("/size", data={"file": ""}),
            post("/read", content=b"hello"),
            post("/read", content=b"hello", headers={"Content-Type": "application/pdf"}),
            post(
                "/many",
                files=[("files", ("a", b"1")), ("files", ("b", b"22"))],
                data={"title": "both"},
            ),
            post("/write", json={"text": "a,b\n"}),
        ],
    ),
    Kind(
        images,
        [
            post("/turn", files={"image": ("a.png", png((2, 3)), "image/png")}),
            post("/turn", files={"image": ("a.png", b"no image", "image/png")}),
            post("/measure", content=png((4, 5)), headers={"Content-Type": "image/png"}),
        ],
    ),
    Kind(
        streams,
        [
            post("/count", json={"to": 3}),
            post("/count", json={"to": "x"}),
            post("/steps", json={"to": 2}),
            post("/events", json={"to": 2}),
            post("/early", json={"to": 0}),
        ],
    ),
    Kind(
        contexts,
        [
            post("/made", json={"name": "a"}, headers={"X-Agent": "me"}),
            post("/refused", json={}),
            post("/counted", json={"rows": [1, 2]}),
            post("/teapot", json={}),
            post("/elsewhere", json={}),
            post("/broken", json={}),
        ],
    ),
]
