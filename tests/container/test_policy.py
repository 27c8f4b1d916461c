"""A policy tool of others, which knows what makes a cluster's workloads easy prey."""

from pathlib import Path

import pytest
import yaml

from tests.container.pods import KUBERNETES, render, render_with
from tests.server.environments import python_environment, run

POLICY = KUBERNETES / "policy.yaml"


@pytest.mark.parametrize("overlay", ["development", "production", "every component"])
def test_the_policy_finds_nothing_but_what_is_explained(overlay: str, tmp_path: Path) -> None:
    if overlay == "every component":
        names = sorted(path.parent.name for path in KUBERNETES.glob("components/*/*.yaml"))
        manifests = render_with(tmp_path, *dict.fromkeys(names))
    else:
        manifests = render(overlay)
    (tmp_path / "kustomization.yaml").unlink(missing_ok=True)
    (tmp_path / "manifests.yaml").write_text(yaml.safe_dump_all(manifests))
    checkov = str(python_environment("checkov") / "checkov")

    found = run([checkov, "--config-file", str(POLICY), "--directory", str(tmp_path)])

    assert "Failed checks: 0" in found
