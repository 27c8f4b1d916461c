"""A LightGBM model on Ray Serve: `python -m load_tests.peers.rayserve_app PORT WORKERS`."""

import os
import signal
import sys
from typing import Any

import lightgbm
import numpy as np
from ray import serve  # type: ignore[import-not-found]

from load_tests.peers.schema import Schema


@serve.deployment(max_ongoing_requests=1_000)  # type: ignore[untyped-decorator,unused-ignore]
class Boosted:
    """Scores records, with a schema and an encoder like the service's."""

    def __init__(self) -> None:
        self._schema = Schema.read()
        self._booster = lightgbm.Booster(model_file=os.environ["LOAD_TESTS_BOOSTER"])

    @serve.batch(max_batch_size=128, batch_wait_timeout_s=0.001)  # type: ignore[untyped-decorator,unused-ignore]
    async def predict(self, requests: list[Any]) -> list[list[Any]]:
        """Scores the rows of several requests at once."""
        counts = [len(one) for one in requests]
        scores = np.asarray(self._booster.predict(np.concatenate(requests), num_threads=1))
        return [one.tolist() for one in np.split(scores, np.cumsum(counts)[:-1])]

    async def __call__(self, request: Any) -> list[Any]:
        """Answers one HTTP request."""
        body = self._schema.request.model_validate_json(await request.body())
        answers: list[Any] = await self.predict(self._schema.matrix(body))
        return answers


if __name__ == "__main__":
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    deployment: Any = Boosted
    application = deployment.options(num_replicas=int(sys.argv[2])).bind()
    serve.run(application, route_prefix=Schema.read().path)
    signal.pause()
