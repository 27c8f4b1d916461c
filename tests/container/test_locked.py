"""A container that is locked: by the page's commands, and by a Secret."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import bentoml
import requests

from deploy.engine import Engine
from deploy.processes import wait_until, wait_until_ready
from deploy.running import HTTP_PORT, LOCKED_DOWN, Container
from framework.access.key_file import VARIABLE
from tests.console import run
from tests.container.conftest import UID
from tests.container.pods import of_kind, render
from tests.container.proxy import Proxy
from tests.copies import make_copy, reader_environment
from tests.server.asked import BODY, MODEL, ROUTE
from tests.server.security.conftest import Keys
from tests.server.security.page import SERVE_IN_CONTAINER, lock
from tests.server.transport.proxies import proxy

DEADLINE_SECONDS = 10


def test_five_commands_lock_a_container_and_what_is_before_it(
    engine: Engine, image: str, stored_models: dict[str, bentoml.Model], tmp_path: Path
) -> None:
    folder, environment = make_copy(tmp_path / "clone"), reader_environment(tmp_path / "home")
    before = Proxy()
    own = f"127.0.0.1:{before.places['blue-1'][HTTP_PORT]}"
    name = f"{image.replace(':', '-')}-locked"
    line = SERVE_IN_CONTAINER.line
    for shown, used in {
        "podman run": " ".join([engine.name, "run", "--name", name, *LOCKED_DOWN]),
        "127.0.0.1:3000": own,
        "model-server:0.1.0": image,
    }.items():
        assert shown in line
        line = line.replace(shown, used)

    with contextlib.ExitStack() as stack:

        def serve() -> Sequence[str]:
            stack.callback(engine.succeeds, "rm", "--force", name)
            run(line, folder, environment)
            wait_until_ready(f"http://{own}", "the container")
            stack.enter_context(before.running())
            before.wait_until_ready()
            nginx, _ = stack.enter_context(proxy("nginx", f"http://{own}", tmp_path))
            return [own, *(urlsplit(url).netloc for url in (before.url, nginx))]

        lock(folder, environment, serve, stored_models)


class Secret:
    """A folder as the kubelet makes one of a Secret: what is in it changes all at once.

    Args:
        folder: An empty one.
        mode: Of its files; they are root's, and the pod's group's.
    """

    def __init__(self, folder: Path, mode: int) -> None:
        self._folder = folder
        self._mode = mode
        self._number = 0

    def exchange(self, name: str, content: bytes) -> None:
        """Puts another content into its file."""
        self._number += 1
        version = self._folder / f"..{self._number}"
        version.mkdir()
        (version / name).write_bytes(content)
        os.chown(version / name, 0, UID)
        (version / name).chmod(self._mode)
        new = self._folder / "..new"
        new.symlink_to(version.name)
        new.rename(self._folder / "..data")
        if not (self._folder / name).is_symlink():
            (self._folder / name).symlink_to(Path("..data") / name)


def test_a_secret_that_is_exchanged_is_read_anew(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    manifests = render("production")
    pod = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]
    (volume,) = [one for one in pod["volumes"] if "secret" in one]
    (mount,) = [
        one for one in pod["containers"][0]["volumeMounts"] if one["name"] == volume["name"]
    ]
    file = Path(of_kind(manifests, "ConfigMap", "model-server-settings")["data"][VARIABLE])
    assert str(file.parent) == mount["mountPath"]
    mounted = tmp_path / "mounted"
    mounted.mkdir(mode=0o755)
    secret, keys = Secret(mounted, volume["secret"]["defaultMode"]), Keys(tmp_path / file.name)
    first = keys.make(f"{MODEL.name}:predict")
    secret.exchange(file.name, keys.path.read_bytes())

    with Container.start(
        engine, image, environment={VARIABLE: str(file)}, folders={mounted: f"{file.parent}:ro"}
    ) as server:
        server.wait_until_ready()

        def status(key: str | None) -> int:
            headers = {"X-API-Key": key} if key else {}
            return requests.post(
                server.url + ROUTE, json=BODY, headers=headers, timeout=10
            ).status_code

        second = keys.make(f"{MODEL.name}:predict")
        assert [status(key) for key in (None, first, second)] == [401, 200, 401]
        keys.revoke(first)
        secret.exchange(file.name, keys.path.read_bytes())
        wait_until(lambda: status(second) == 200, DEADLINE_SECONDS, "the new key was not known")
        assert [status(key) for key in (None, first, second)] == [401, 401, 200]
