"""`fastapi-guide`: FastAPI as the public guides write it, one record and one DataFrame at a time.

The guides load a pickled pipeline; this one is fitted at the start instead, because nothing in
this repository loads pickle. What a request costs is the same. Guides write `def` and `async def`
alike; the second is twice as fast here, because threads would only compete for the interpreter.
"""

import json
import os
from typing import TYPE_CHECKING, Any

from load_tests.systems.base import ROWS_VARIABLE, Dialect, System, uvicorn

if TYPE_CHECKING:
    from fastapi import FastAPI


def make_app() -> "FastAPI":
    """Makes the application; uvicorn calls this in every worker."""
    import pandas as pd
    from fastapi import FastAPI

    from load_tests.systems.guide_model import GuideModel
    from models.attrition.schema import Employee

    frame = pd.read_csv(os.environ[ROWS_VARIABLE])
    model = GuideModel(frame.drop(columns="left"), frame["left"].tolist())
    app = FastAPI()

    @app.post("/predict")
    async def predict(employee: Employee) -> dict[str, int]:
        return {"prediction": model.predict(pd.DataFrame([employee.model_dump()]))}

    return app


def _encode(rows: list[dict[str, Any]]) -> str:
    (row,) = rows
    return json.dumps(row)


SYSTEM = System(
    name="fastapi-guide",
    what="FastAPI as the public guides write it: one-hot encoding and `LGBMClassifier.predict` "
    "of a one-row DataFrame in every request",
    command=uvicorn("load_tests.systems.fastapi_guide:make_app", "--factory"),
    environment=lambda launch: {ROWS_VARIABLE: str(launch.rows)},
    dialects={
        "attrition": Dialect(
            "/predict",
            _encode,
            lambda reference, rows, answer: reference.check_guide(rows, answer),
        )
    },
    most_rows=1,
)
