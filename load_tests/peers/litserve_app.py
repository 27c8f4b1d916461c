"""A LightGBM model on LitServe: `python -m load_tests.peers.litserve_app PORT WORKERS`."""

import os
import sys
from typing import Any

import lightgbm
import litserve  # type: ignore[import-not-found]
import numpy as np

from load_tests.peers.schema import Schema

MAX_BATCH_SIZE = 128
# Short: a lone request should not wait long for company.
BATCH_SECONDS = 0.001


class Boosted(litserve.LitAPI):  # type: ignore[misc]
    """Scores records, with a schema and an encoder like the service's."""

    def setup(self, _device: str) -> None:
        """Loads the booster that the others serve."""
        self._schema = Schema.read()
        self._booster = lightgbm.Booster(model_file=os.environ["LOAD_TESTS_BOOSTER"])

    def decode_request(self, request: dict[str, Any]) -> Any:
        """Validates and encodes the rows of one request."""
        return self._schema.matrix(self._schema.request.model_validate(request))

    def batch(self, inputs: list[Any]) -> tuple[Any, list[int]]:
        """Joins the rows of several requests, and keeps in mind how many each had."""
        return np.concatenate(inputs), [len(one) for one in inputs]

    def predict(self, batch: tuple[Any, list[int]]) -> list[Any]:
        """Scores all rows at once."""
        rows, counts = batch
        scores = np.asarray(self._booster.predict(rows, num_threads=1))
        return np.split(scores, np.cumsum(counts)[:-1])

    def unbatch(self, output: list[Any]) -> list[Any]:
        """Gives every request its own."""
        return output

    def encode_response(self, output: Any) -> list[Any]:
        """Writes the scores of one request."""
        scores: list[Any] = output.tolist()
        return scores


if __name__ == "__main__":
    api = Boosted(
        max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_SECONDS, api_path=Schema.read().path
    )
    workers = int(sys.argv[2])
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=workers,
        generate_client_file=False,
        log_level="warning",
    )
