"""Services that take and give values: numbers, texts, models, arrays, tables."""

from typing import Annotated, Any, Literal

import bentoml
import numpy as np
import pandas as pd
from bentoml.validators import ContentType, DataframeSchema, DType, Shape
from pydantic import BaseModel, Field

from tests.server.differential.services import Decorate, Kind, get, post

JSON = {"Content-Type": "application/json"}
Matrix = Annotated[np.ndarray, Shape((2, 2)), DType("float64")]


class Point(BaseModel):
    """A model inside a model."""

    x: float = Field(ge=0)
    y: float = 0


class Shape2(BaseModel):
    """A model with a list of others."""

    name: Literal["line", "triangle"]
    points: list[Point]


def scalars(service: Decorate) -> Any:
    """Plain values, with defaults, optional ones, and any number of them."""

    @service()
    class Scalars:
        @bentoml.api
        def add(self, a: int, b: float = 0.5, note: str | None = None) -> dict[str, Any]:
            return {"sum": a + b, "note": note}

        @bentoml.api
        def anything(self, value) -> Any:  # type: ignore[no-untyped-def]  # noqa: ANN001
            return value

        @bentoml.api
        def options(self, **options: Any) -> dict[str, Any]:
            return options

        @bentoml.api(route="/flag")
        def is_set(self, flag: bool) -> bool:
            return flag

        @bentoml.api(route="/")
        async def root(self, number: int = 7) -> int:
            return number

    return Scalars


def texts(service: Decorate) -> Any:
    """Texts alone, as requests and as answers."""

    @service()
    class Texts:
        @bentoml.api
        def shout(self, text: str, /) -> str:
            return text.upper()

        @bentoml.api
        def count(self, text: str, /) -> int:
            return len(text)

        @bentoml.api
        def page(self, name: str) -> Annotated[str, ContentType("text/html")]:
            return f"<p>{name}</p>"

        @bentoml.api
        def raw(self, content: bytes, /) -> bytes:
            return content[::-1]

    return Texts


def models(service: Decorate) -> Any:
    """Models of pydantic, alone and named."""

    @service()
    class Models:
        @bentoml.api
        def draw(self, shape: Shape2, /) -> Shape2:
            return shape

        @bentoml.api
        def move(self, shape: Shape2, by: Point) -> list[Point]:
            return [Point(x=one.x + by.x, y=one.y + by.y) for one in shape.points]

        @bentoml.api(input_spec=Shape2)
        def spread(self, **shape: Any) -> int:
            return len(shape["points"])

        @bentoml.api
        def wrong(self) -> Point:
            return Point(x=-1)

    return Models


def arrays(service: Decorate) -> Any:
    """Arrays of NumPy, with and without their shape, in batches too."""

    @service()
    class Arrays:
        @bentoml.api
        def double(self, array: np.ndarray, /) -> np.ndarray:
            return array * 2

        @bentoml.api
        def trace(self, matrix: Matrix, scale: float = 1) -> float:
            return float(np.trace(matrix)) * scale

        @bentoml.api(batchable=True, max_latency_ms=10_000)
        def totals(self, rows: np.ndarray) -> np.ndarray:
            sums: np.ndarray = np.add.reduce(rows, axis=1)
            return sums

    return Arrays


def tables(service: Decorate) -> Any:
    """Tables of pandas."""

    @service()
    class Tables:
        @bentoml.api
        def total(self, table: pd.DataFrame, /) -> dict[str, float]:
            return {str(name): float(value) for name, value in table.sum().items()}

        @bentoml.api
        def half(
            self,
            table: Annotated[pd.DataFrame, DataframeSchema(orient="records", columns=["a", "b"])],
        ) -> pd.DataFrame:
            return table / 2

    return Tables


SHAPE = {"name": "line", "points": [{"x": 1, "y": 2}, {"x": 3}]}
KINDS = [
    Kind(
        scalars,
        [
            post("/add", json={"a": 1}),
            post("/add", json={"a": 1, "b": 2, "note": "x"}),
            post("/add", json={"a": "x"}),
            post("/add", json={}),
            post("/add", content=b"{", headers=JSON),
            post("/add", data={"a": "1", "b": "2"}),
            post("/add", files={"a": (None, "1"), "note": (None, "x")}),
            post("/add", json={"a": 1, "more": 1}),
            get("/add"),
            post("/anything", json={"value": [1, {"a": None}]}),
            post("/options", json={"a": 1, "b": [2]}),
            post("/flag", json={"flag": True}),
            post("/flag", json={"flag": "perhaps"}),
            post("/", json={}),
            post("/", json={"number": 1}),
            post("/none", json={}),
            get("/schema.json"),
            get("/livez"),
            get("/healthz"),
            get("/readyz"),
            post("/readyz"),
            get("/none"),
            get("/"),
        ],
    ),
    Kind(
        texts,
        [
            post("/shout", content="hällo".encode(), headers={"Content-Type": "text/plain"}),
            post("/shout", content=b"hello"),
            post("/shout", content=b'"hello"', headers=JSON),
            post("/shout", content=b"\xff", headers={"Content-Type": "text/plain"}),
            post("/count", content=b"hello", headers={"Content-Type": "text/plain"}),
            post("/page", json={"name": "Ann"}),
            post("/raw", content=b"\x00\x01\xff", headers={"Content-Type": "image/png"}),
            post("/raw", content=b"abc"),
        ],
    ),
    Kind(
        models,
        [
            post("/draw", json=SHAPE),
            post("/draw", json={**SHAPE, "name": "circle"}),
            post("/draw", json={}),
            post("/move", json={"shape": SHAPE, "by": {"x": 1, "y": 1}}),
            post("/move", json={"shape": SHAPE, "by": {"x": -1}}),
            post("/spread", json=SHAPE),
            post("/wrong", json={}),
        ],
    ),
    Kind(
        arrays,
        [
            post("/double", json=[[1, 2], [3, 4]]),
            post("/double", json=["x"]),
            post("/trace", json={"matrix": [[1, 2], [3, 4]], "scale": 2}),
            post("/trace", json={"matrix": [1, 2]}),
            post("/totals", json={"rows": [[1, 2], [3, 4]]}),
            post("/totals", json={}),
        ],
    ),
    Kind(
        tables,
        [
            post("/total", json=[{"a": 1, "b": 2}, {"a": 3, "b": 4}]),
            post("/total", json={"a": [1, 2]}),
            post("/half", json={"table": [{"a": 1, "b": 2}]}),
            post("/half", json={"table": [{"a": 1}]}),
        ],
    ),
]
