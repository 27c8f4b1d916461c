"""The alerts: valid, each one firing when it should and silent when not, each one explained."""

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.monitoring.rules import plain_rules
from deploy.processes import ROOT
from tests.console import commands, run
from tests.tools import require_tool, search_path

CASES = Path(__file__).parent / "alerts"
RULES = [rule for group in yaml.safe_load(plain_rules())["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}


def promtool(*arguments: str | Path) -> str:
    ran = subprocess.run(
        [require_tool("promtool"), *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_prometheus_reads_the_rules(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(plain_rules())

    assert f"{len(RULES)} rules found" in promtool("check", "rules", "--lint-fatal", file)


def test_prometheus_reads_its_configuration(tmp_path: Path) -> None:
    shutil.copy(ROOT / "deploy" / "monitoring" / "prometheus.yml", tmp_path)
    (tmp_path / "rules.yaml").write_text(plain_rules())

    assert "SUCCESS" in promtool("check", "config", tmp_path / "prometheus.yml")


@pytest.mark.parametrize("cases", list(CASES.iterdir()), ids=lambda path: path.stem)
def test_each_alert_fires_when_it_should(cases: Path, tmp_path: Path) -> None:
    rules = yaml.safe_load(plain_rules())
    # The cases would have to repeat them word for word.
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule.pop("annotations", None)
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    shutil.copy(cases, tmp_path)

    promtool("test", "rules", tmp_path / cases.name)


def test_there_is_a_case_of_each_alert_firing_and_of_each_one_silent() -> None:
    fires = defaultdict[str, set[bool]](set)
    for file in CASES.iterdir():
        for case in yaml.safe_load(file.read_text())["tests"]:
            for check in case["alert_rule_test"]:
                fires[check["alertname"]].add("exp_alerts" in check)

    assert fires == {name: {True, False} for name in ALERTS}


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_says_what_to_do(name: str) -> None:
    rule: dict[str, Any] = ALERTS[name]
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)

    assert anchor == name.lower()
    assert name in headings
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    assert rule["labels"]["severity"] in ("page", "ticket")


@pytest.mark.parametrize("headline", ["Alerts", "Dashboards"])
def test_the_commands_of_the_page_work(headline: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    (section,) = re.findall(rf"^## {headline}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "section.md").write_text(section)
    environment = {**os.environ, "PATH": search_path()}

    for command in commands(tmp_path / "section.md"):
        if "promtool" in command.line:
            require_tool("promtool")
        printed = run(command.line, ROOT, environment)
        assert re.fullmatch(re.escape(command.shown).replace("…", ".*"), printed, re.DOTALL)
