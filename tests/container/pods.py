"""The rendered Deployment as a pod of podman's, without a cluster."""

import contextlib
import copy
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.engine import Engine
from deploy.processes import ROOT, free_port, wait_until, wait_until_ready
from deploy.running import GRPC_PORT, HTTP_PORT
from tests.tools import lacking, require_tool

KUBERNETES = ROOT / "deploy" / "kubernetes"
JOB_DEADLINE_SECONDS = 120
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


def of_kind(
    manifests: list[dict[str, Any]], kind: str, name: str = "model-server"
) -> dict[str, Any]:
    """The one manifest of a kind whose name begins so."""
    return next(
        manifest
        for manifest in manifests
        if manifest["kind"] == kind and manifest["metadata"]["name"].startswith(name)
    )


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


@dataclass(frozen=True)
class Ended:
    """What a job's pod left.

    Attributes:
        code: Its exit code.
        output: What it printed.
        complaint: What it wrote to its standard error.
    """

    code: int
    output: str
    complaint: str


def run_job(
    engine: Engine,
    manifests: list[dict[str, Any]],
    name: str,
    image: str,
    volumes: Mapping[str, Path],
    folder: Path,
) -> Ended:
    """Runs the pod that a CronJob would start, as it is written, and removes it.

    Args:
        engine: What runs it: podman.
        manifests: Those of an overlay.
        name: Of the CronJob.
        image: Its image.
        volumes: Claim of the pod → the machine's folder in its place.
        folder: Where the pod's manifest is put.
    """
    require_podman(engine)
    pod = _pod_of(of_kind(manifests, "CronJob", name), image, volumes)
    file = folder / f"{pod['metadata']['name']}.yaml"
    maps = [one for one in manifests if one["kind"] == "ConfigMap"]
    file.write_text(yaml.safe_dump_all([*maps, pod]))
    # As podman calls it: by its own name, after the pod's.
    container = f"{file.stem}-{pod['spec']['containers'][0]['name']}"

    def state(what: str) -> str:
        return engine.run("inspect", container, "--format", f"{{{{.State.{what}}}}}")

    try:
        engine.run("play", "kube", str(file))
        wait_until(lambda: state("Status") == "exited", JOB_DEADLINE_SECONDS, "the job did not end")
        command = [engine.name, "logs", container]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        return Ended(int(state("ExitCode")), told.stdout, told.stderr)
    finally:
        engine.run("play", "kube", "--down", str(file))


def _pod_of(job: dict[str, Any], image: str, volumes: Mapping[str, Path]) -> dict[str, Any]:
    """The pod of a job, with this image, and with folders of the machine for its claims."""
    pod = copy.deepcopy(job["spec"]["jobTemplate"]["spec"]["template"]["spec"])
    (container,) = pod["containers"]
    container["image"] = f"localhost/{image}"
    for volume in pod["volumes"]:
        if claim := volume.pop("persistentVolumeClaim", None):
            path = str(volumes[claim["claimName"]])
            volume["hostPath"] = {"path": path, "type": "Directory"}
    name = f"{job['metadata']['name']}-{free_port()}"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod}


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
