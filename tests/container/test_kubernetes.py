"""The manifests: rendered, checked against the schemas, consistent, and run."""

import os
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.monitoring.dashboards import files
from deploy.monitoring.rules import plain_rules
from framework.database import VARIABLE as DATABASE
from serving.record.recorder import END_SECONDS
from serving.settings import Settings
from tests.container.pods import of_kind, render, render_with

OVERLAYS = ("development", "staging", "production")
CUSTOM = {"PrometheusRule", "ServiceMonitor"}  # their schemas come with the Prometheus operator


@pytest.fixture(scope="module", params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return render(request.param)


def test_manifests_keep_to_the_schemas(manifests: list[dict[str, Any]]) -> None:
    for manifest in manifests:
        if manifest["kind"] not in CUSTOM:
            kubernetes_validate.validate(
                manifest, kubernetes_validate.latest_version(), strict=True
            )


def test_the_pod_is_restricted(manifests: list[dict[str, Any]]) -> None:
    require_restricted(of_kind(manifests, "Deployment")["spec"]["template"]["spec"])


def require_restricted(pod: dict[str, Any]) -> None:
    """Compares with what Kubernetes calls a restricted pod, and a bit more."""
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


@pytest.fixture
def watched(tmp_path: Path) -> list[dict[str, Any]]:
    """The base with the record, and with who checks it."""
    return render_with(tmp_path, "record", "drift")


def test_the_record_is_one_folder_of_one_user(watched: list[dict[str, Any]]) -> None:
    test_manifests_keep_to_the_schemas(watched)
    test_settings_are_known_to_the_server(watched)
    claim = of_kind(watched, "PersistentVolumeClaim")["metadata"]["name"]
    converter = of_kind(watched, "CronJob", "model-record-converter")["spec"]["jobTemplate"]
    pods = [
        of_kind(watched, "Deployment")["spec"]["template"]["spec"],
        of_kind(watched, "Deployment", "model-monitor")["spec"]["template"]["spec"],
        converter["spec"]["template"]["spec"],
    ]

    for pod in pods:
        require_restricted(pod)
        (volume,) = [one for one in pod["volumes"] if one["name"] == "record"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim
        assert {"name": "record", "mountPath": "/record"} in pod["containers"][0]["volumeMounts"]
        # Whoever may read what the server has written.
        assert pod["securityContext"]["runAsUser"] == pods[0]["securityContext"]["runAsUser"]
    settings = of_kind(watched, "ConfigMap", "model-server-settings")["data"]
    assert settings["MODEL_SERVER_RECORD"] == "/record"
    without = of_kind(render("development"), "Deployment")["spec"]["template"]["spec"]
    grace = "terminationGracePeriodSeconds"
    assert pods[0][grace] - without[grace] >= END_SECONDS


def test_labels_are_in_one_database(tmp_path: Path) -> None:
    manifests = render_with(tmp_path, "record", "drift", "retrain", "labels")
    test_manifests_keep_to_the_schemas(manifests)
    jobs = [
        of_kind(manifests, "CronJob", name)["spec"]["jobTemplate"]
        for name in ("model-record-converter", "model-trainer")
    ]
    monitor = of_kind(manifests, "Deployment", "model-monitor")

    for pod in (one["spec"]["template"] for one in (*jobs, monitor)):
        (variable,) = pod["spec"]["containers"][0]["env"]
        assert variable["name"] == DATABASE
        assert variable["valueFrom"]["secretKeyRef"] == {"name": "model-labels", "key": "url"}
    for name in ("model-record-converter", "model-monitor", "model-trainer"):
        policy = of_kind(manifests, "NetworkPolicy", name)["spec"]
        assert {"protocol": "TCP", "port": 5432} in policy["egress"][0]["ports"]


def test_a_trainer_reads_the_record_and_keeps_a_home(tmp_path: Path) -> None:
    manifests = render_with(tmp_path, "record", "retrain")
    test_manifests_keep_to_the_schemas(manifests)
    job = of_kind(manifests, "CronJob", "model-trainer")["spec"]
    pod = job["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    claims = {
        one["name"]: one["persistentVolumeClaim"]["claimName"]
        for one in pod["volumes"]
        if "persistentVolumeClaim" in one
    }

    require_restricted(pod)
    assert job["concurrencyPolicy"] == "Forbid"
    assert container["image"] == "model-trainer:0.1.0"
    for claim in claims.values():
        assert of_kind(manifests, "PersistentVolumeClaim", claim)
    assert claims.keys() == {"home", "record"}
    # Whoever may read what the server has written.
    server = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == server["securityContext"]["runAsUser"]
    settings = of_kind(manifests, "ConfigMap", "model-trainer-settings")
    assert container["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}]
    assert all(f'"${name}"' in container["args"][0] for name in settings["data"])


@pytest.mark.parametrize(("code", "ended"), [(0, 0), (1, 1), (2, 1), (3, 0)])
def test_too_few_labels_are_no_failure_of_the_job(code: int, ended: int, tmp_path: Path) -> None:
    job = of_kind(render_with(tmp_path, "record", "retrain"), "CronJob", "model-trainer")
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@"\nexit {code}\n')
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    settings = {"MODEL": "one", "DATA": "", "PATH": path}

    ran = subprocess.run(
        [*container["command"], *container["args"]],
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == ended
    assert ran.stdout == "-m|registry|retrain|one|--data||--record|/record|--json|"


def test_prometheus_finds_who_watches(watched: list[dict[str, Any]]) -> None:
    name = "model-monitor"
    monitor = of_kind(watched, "ServiceMonitor", name)["spec"]
    service = of_kind(watched, "Service", name)
    pod = of_kind(watched, "Deployment", name)["spec"]["template"]

    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    (port,) = service["spec"]["ports"]
    (own,) = pod["spec"]["containers"][0]["ports"]
    assert [port["name"]] == [one["port"] for one in monitor["endpoints"]]
    assert own == {"name": port["targetPort"], "containerPort": port["port"]}
