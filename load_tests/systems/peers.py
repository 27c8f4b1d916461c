"""`mlserver`, `litserve` and `rayserve`: other model servers, batching on, optional."""

from load_tests.systems.base import System

PEERS: dict[str, System] = {}
