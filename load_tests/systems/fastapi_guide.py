"""`fastapi-guide`: FastAPI as the public guides write it, one record and one DataFrame at a time.

The guides load a pickled pipeline; this one is fitted at the start instead, because nothing in
this repository loads pickle. What a request costs is the same. Guides write `def` and `async def`
alike; the second is twice as fast here, because threads would only compete for the interpreter.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework import MultiOutput
from load_tests.roles import PRIMARY
from load_tests.systems.base import ROWS_VARIABLE, Dialect, System, uvicorn

if TYPE_CHECKING:
    from fastapi import FastAPI


def make_app() -> "FastAPI":
    """Makes the application; uvicorn calls this in every worker."""
    import pandas as pd
    from fastapi import FastAPI

    from load_tests.systems.guide_model import GuideModel

    content = json.loads(Path(os.environ[ROWS_VARIABLE]).read_text(encoding="utf-8"))
    model = GuideModel(PRIMARY, content["rows"], content["target"])
    app = FastAPI()

    @app.post("/predict")
    async def predict(record: PRIMARY.record) -> dict[str, Any]:  # type: ignore[name-defined]
        return {"prediction": model.predict(pd.DataFrame([record.model_dump()]))}

    return app


def _encode(rows: list[dict[str, Any]]) -> str:
    (row,) = rows
    return json.dumps(row)


# The guides' way is for one number or category a field, and one target.
_SUITS = not isinstance(PRIMARY.task, MultiOutput) and all(
    one.width == 1 and one.length is None for one in PRIMARY.encoder.fields
)
_DIALECT = Dialect(
    "/predict", _encode, lambda reference, rows, answer: reference.check_guide(rows, answer)
)
SYSTEM = System(
    name="fastapi-guide",
    what="FastAPI as the public guides write it: one-hot encoding and the `predict` of LightGBM's "
    "scikit-learn estimator on a one-row DataFrame in every request",
    command=uvicorn("load_tests.systems.fastapi_guide:make_app", "--factory"),
    environment=lambda launch: {ROWS_VARIABLE: str(launch.rows)},
    dialects={PRIMARY.name: _DIALECT} if _SUITS else {},
)
