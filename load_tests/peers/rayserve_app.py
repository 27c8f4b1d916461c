"""The turnover model on Ray Serve: `python -m load_tests.peers.rayserve_app PORT WORKERS`."""

import os
import signal
import sys
from typing import Any

import lightgbm
import numpy as np
from ray import serve  # type: ignore[import-not-found]

from models.attrition.features import matrix
from models.attrition.schema import EmployeesRequest


@serve.deployment(max_ongoing_requests=1_000)  # type: ignore[untyped-decorator,unused-ignore]
class Turnover:
    """Judges employees, with the schema and features of the service."""

    def __init__(self) -> None:
        self._booster = lightgbm.Booster(model_file=os.environ["LOAD_TESTS_BOOSTER"])

    @serve.batch(max_batch_size=128, batch_wait_timeout_s=0.001)  # type: ignore[untyped-decorator,unused-ignore]
    async def predict(self, requests: list[Any]) -> list[list[float]]:
        """Scores the rows of several requests at once."""
        counts = [len(one) for one in requests]
        probabilities = np.asarray(self._booster.predict(np.concatenate(requests), num_threads=1))
        return [one.tolist() for one in np.split(probabilities, np.cumsum(counts)[:-1])]

    async def __call__(self, request: Any) -> list[float]:
        """Answers one HTTP request."""
        rows = EmployeesRequest.model_validate_json(await request.body()).employees
        answers: list[float] = await self.predict(matrix(rows))
        return answers


if __name__ == "__main__":
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    deployment: Any = Turnover
    application = deployment.options(num_replicas=int(sys.argv[2])).bind()
    serve.run(application, route_prefix="/attrition/predict")
    signal.pause()
