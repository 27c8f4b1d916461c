"""`bentoml-stock`, `bentoml-lean` and `server`: the same service in three configurations."""

import sys

from framework.adapters.bentoml import home_folder, model_store_folder
from framework.trees import library
from load_tests.roles import PRIMARY
from load_tests.systems.base import CONTRACT, Launch, System
from load_tests.systems.typed import typed

# Without a version: BentoML checks the file against two schemas, which want different ones.
_LEAN = """\
services:
  tracing:
    excluded_urls: ".*"
"""


def _command(launch: Launch) -> list[str]:
    serve = [sys.executable, "-m", "bentoml", "serve", "service:ModelServer"]
    return [*serve, "--host", "127.0.0.1", "--port", str(launch.port)]


def _environment(launch: Launch, **settings: str) -> dict[str, str]:
    # A BentoML server that starts wipes the metrics of any other one that shares its home.
    home = launch.folder / f"bentoml-{launch.port}"
    home.mkdir()
    (home / "models").symlink_to(model_store_folder())
    # As `make serve` has it, if it was compiled.
    (home / library.FOLDER).symlink_to(home_folder() / library.FOLDER)
    own = {f"MODEL_SERVER_{name.upper()}": value for name, value in settings.items()}
    return {
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        "MODEL_SERVER_WORKERS": str(launch.workers),
        "MODEL_SERVER_GRPC_PORT": str(launch.grpc_port),
        # Nobody here has to be told to turn elsewhere before it stops.
        "MODEL_SERVER_DRAIN_SECONDS": "0",
        **own,
    }


def _stock(launch: Launch) -> dict[str, str]:
    return _environment(launch, fast_path="false", access_log="true")


def _lean(launch: Launch) -> dict[str, str]:
    path = launch.folder / "bentoml-lean.yaml"
    path.write_text(_LEAN, encoding="utf-8")
    environment = _environment(launch, fast_path="false", access_log="false")
    return {**environment, "BENTOML_CONFIG": str(path)}


STOCK = System(
    name="bentoml-stock",
    what="this service with BentoML's own class and default configuration",
    command=_command,
    environment=_stock,
    dialects=CONTRACT,
)
LEAN = System(
    name="bentoml-lean",
    what="the same, access log off and tracing excluded",
    command=_command,
    environment=_lean,
    dialects=CONTRACT,
)
SERVER = System(
    name="server",
    what="this service with its defaults, metrics on",
    command=_command,
    environment=_environment,
    dialects=CONTRACT,
    grpc=typed(PRIMARY),
)
