"""The manifests: rendered, checked against the schemas, consistent, and run."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.monitoring.dashboards import files
from deploy.monitoring.rules import plain_rules
from serving.settings import Settings
from tests.container.pods import render, render_with

OVERLAYS = ("development", "staging", "production")
CUSTOM = {"PrometheusRule", "ServiceMonitor"}  # their schemas come with the Prometheus operator


@pytest.fixture(scope="module", params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return render(request.param)


def of_kind(
    manifests: list[dict[str, Any]], kind: str, name: str = "model-server"
) -> dict[str, Any]:
    """The one manifest of a kind whose name begins so."""
    return next(
        manifest
        for manifest in manifests
        if manifest["kind"] == kind and manifest["metadata"]["name"].startswith(name)
    )


def test_manifests_keep_to_the_schemas(manifests: list[dict[str, Any]]) -> None:
    for manifest in manifests:
        if manifest["kind"] not in CUSTOM:
            kubernetes_validate.validate(
                manifest, kubernetes_validate.latest_version(), strict=True
            )


def test_the_pod_is_restricted(manifests: list[dict[str, Any]]) -> None:
    require_restricted(of_kind(manifests, "Deployment"))


def require_restricted(deployment: dict[str, Any]) -> None:
    """Compares with what Kubernetes calls a restricted pod, and a bit more."""
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_no_pod_is_killed_while_it_drains(manifests: list[dict[str, Any]]) -> None:
    pod = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]
    settings = of_kind(manifests, "ConfigMap", "model-server-settings")["data"]
    _, waiting = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]

    longest = (
        float(waiting)
        + float(settings["MODEL_SERVER_DRAIN_SECONDS"])
        + float(settings["MODEL_SERVER_TIMEOUT_SECONDS"])
    )
    assert pod["terminationGracePeriodSeconds"] > longest


def test_settings_are_known_to_the_server(manifests: list[dict[str, Any]]) -> None:
    prefix = "MODEL_SERVER_"
    names = of_kind(manifests, "ConfigMap", "model-server-settings")["data"].keys() - {"WORKERS"}

    assert {name.removeprefix(prefix).lower() for name in names} <= Settings.model_fields.keys()
    # Else Kubernetes adds MODEL_SERVER_PORT and others, which are not.
    pod = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]
    assert pod["enableServiceLinks"] is False


def test_the_image_has_an_exact_tag(manifests: list[dict[str, Any]]) -> None:
    pod = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]
    _, _, tag = pod["containers"][0]["image"].rpartition(":")

    assert tag not in ("", "latest")


@pytest.mark.parametrize("overlay", ["staging", "production"])
def test_the_cluster_parts_are_there(overlay: str) -> None:
    manifests = render(overlay)

    assert sorted({manifest["kind"] for manifest in manifests}) == [
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Ingress",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "PrometheusRule",
        "Service",
        "ServiceMonitor",
    ]
    assert of_kind(manifests, "PrometheusRule")["spec"] == yaml.safe_load(plain_rules())
    dashboards = of_kind(manifests, "ConfigMap", "model-server-dashboards")
    assert dashboards["data"] == {path.name: text for path, text in files().items()}
    metrics = of_kind(manifests, "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metrics[0]["resource"]["name"] == "cpu"
    assert metrics[1]["pods"]["metric"]["name"] == "model_server_queue_rows"


def test_who_watches_is_restricted_and_found_by_prometheus(tmp_path: Path) -> None:
    manifests = [
        manifest
        for manifest in render_with(tmp_path, "drift")
        if manifest["metadata"]["name"] == "model-monitor"
    ]

    for manifest in manifests:
        if manifest["kind"] not in CUSTOM:
            kubernetes_validate.validate(
                manifest, kubernetes_validate.latest_version(), strict=True
            )
    name = "model-monitor"
    require_restricted(of_kind(manifests, "Deployment", name))
    monitor = of_kind(manifests, "ServiceMonitor", name)["spec"]
    service = of_kind(manifests, "Service", name)
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (port,) = service["spec"]["ports"]
    assert [port["name"]] == [one["port"] for one in monitor["endpoints"]]
    pod = of_kind(manifests, "Deployment", name)["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    (own,) = pod["spec"]["containers"][0]["ports"]
    assert own == {"name": port["targetPort"], "containerPort": port["port"]}
