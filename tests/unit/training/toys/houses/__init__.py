"""What a house costs: a number with a unit, a list of fixed length, a column computed of others."""

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field

from framework import Regression, Source
from framework.recipes.lightgbm import LightGBM


class House(BaseModel):
    area: float = Field(gt=0, allow_inf_nan=False)
    place: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None


class Price(BaseModel):
    price: float


def _houses() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    area, place = rng.uniform(30, 300, 300).round(), rng.normal(0, 1, (300, 2)).round(2)
    price = area * 2_000 + place[:, 0] * 20_000 + rng.normal(0, 9_000, 300)
    places: list[Any] = place.tolist()
    places[::10] = [None] * 30
    return {"area": area, "place": places, "price": price.round()}


MODEL = LightGBM[House, Price](
    name="houses",
    record=House,
    answer=Price,
    target="price",
    task=Regression(unit="euro"),
    sample=[{"area": 90.0, "place": [0.0, 0.0]}],
    data=Source("builtin", "toys: houses", _houses),
    derived=lambda columns: {"side": np.sqrt(columns["area"])},
)
