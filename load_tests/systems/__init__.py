"""The systems that are compared, by name."""

from load_tests.systems import bento, empty, empty_grpc, fastapi_guide, fastapi_tuned
from load_tests.systems.base import Dialect, Launch, System
from load_tests.systems.peers import PEERS

OWN = {
    system.name: system
    for system in (
        empty.SYSTEM,
        empty_grpc.SYSTEM,
        fastapi_guide.SYSTEM,
        fastapi_tuned.SYSTEM,
        bento.STOCK,
        bento.LEAN,
        bento.SERVER,
    )
}
SYSTEMS = {**OWN, **PEERS}

__all__ = ["OWN", "PEERS", "SYSTEMS", "Dialect", "Launch", "System"]
