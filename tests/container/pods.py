"""The rendered Deployment as a pod of podman's, without a cluster."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.engine import Engine
from deploy.processes import ROOT, free_port, wait_until_ready
from deploy.running import GRPC_PORT, HTTP_PORT
from tests.tools import lacking, require_tool

KUBERNETES = ROOT / "deploy" / "kubernetes"
IMAGES = ("model-server", "model-monitor", "model-trainer")


def render(overlay: str) -> list[dict[str, Any]]:
    """Renders an overlay with `kubectl kustomize`."""
    return _rendered(KUBERNETES / "overlays" / overlay)


def render_with(folder: Path, *components: str) -> list[dict[str, Any]]:
    """Renders the base with components, as an overlay in a folder would."""
    lists = {"resources": ["base"], "components": [f"components/{name}" for name in components]}
    overlay: dict[str, Any] = {
        kind: [os.path.relpath(KUBERNETES / path, folder.resolve()) for path in paths]
        for kind, paths in lists.items()
    }
    images = [{"name": name, "newTag": "0.1.0"} for name in IMAGES]
    further = {"namespace": "model-server", "images": images}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay | further))
    return _rendered(folder)


def _rendered(folder: Path) -> list[dict[str, Any]]:
    command = [require_tool("kubectl"), "kustomize", str(folder)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(result.stdout))


def require_podman(engine: Engine) -> None:
    """Needs podman as the engine: no other runs a Kubernetes manifest."""
    if engine.name != "podman":
        lacking(
            f"{engine.name} runs no Kubernetes manifest, CONTAINER_ENGINE=podman does", "podman"
        )


@dataclass(frozen=True)
class Pod:
    """A pod that runs, with its ports on the loopback interface."""

    url: str
    grpc: str

    @classmethod
    @contextlib.contextmanager
    def start(cls, engine: Engine, image: str, folder: Path) -> "Iterator[Pod]":
        """Runs the development overlay's Deployment; removes the pod afterwards."""
        require_podman(engine)
        ports = {HTTP_PORT: free_port(), GRPC_PORT: free_port()}
        file = folder / "deployment.yaml"
        file.write_text(yaml.safe_dump_all(_runnable(render("development"), image, ports)))
        pod = cls(f"http://127.0.0.1:{ports[HTTP_PORT]}", f"127.0.0.1:{ports[GRPC_PORT]}")
        try:
            engine.run("play", "kube", str(file))
            wait_until_ready(pod.url, "the pod")
            yield pod
        finally:
            engine.run("play", "kube", "--down", str(file))


def _runnable(
    manifests: list[dict[str, Any]], image: str, ports: dict[int, int]
) -> list[dict[str, Any]]:
    """The manifests that podman runs, with this image, on these ports of the machine."""
    kept = [manifest for manifest in manifests if manifest["kind"] in ("ConfigMap", "Deployment")]
    for manifest in kept:
        if manifest["kind"] == "Deployment":
            (container,) = manifest["spec"]["template"]["spec"]["containers"]
            container["image"] = f"localhost/{image}"
            for port in container["ports"]:
                port |= {"hostPort": ports[port["containerPort"]], "hostIP": "127.0.0.1"}
            # Podman asks with curl, inside the container; this image holds none. The kubelet asks
            # from outside, as the tests do.
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                del container[probe]
    return kept
