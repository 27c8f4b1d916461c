"""What the page says of labels, done as it says."""

import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import bentoml
import httpx
import pytest

from deploy.processes import ROOT
from framework.discovery import find_models
from tests.console import commands, run
from tests.processes import Server
from tests.tools import require_tool

PAGE = ROOT / "docs" / "monitoring.md"
(LABELS,) = re.findall(r"^## Labels$.*?(?=^## )", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
(ID,) = set(re.findall(r"\w+-[0-9a-f]{24}", LABELS))
MODEL = find_models().get(ID.partition("-")[0])


@pytest.mark.skipif(MODEL is None, reason="the page's model was deleted")
def test_the_commands_of_the_page_work(
    stored_models: dict[str, bentoml.Model], tmp_path: Path
) -> None:
    require_tool("curl")
    assert MODEL is not None
    assert MODEL.name in stored_models
    (tmp_path / "page.md").write_text(LABELS)
    asked: dict[str, Any] = {MODEL.rows: [dict(MODEL.sample[0])] * 2}
    settings = {"MODEL_SERVER_RECORD": str(tmp_path / "record")}
    sent, *others = commands(tmp_path / "page.md")
    with Server.start(environment=settings) as server:
        answer = httpx.post(f"{server.url}/{MODEL.name}/predict", json=asked, timeout=30)
        mine = answer.headers["X-Prediction-ID"]
        line = sent.line.replace(ID, mine).replace("http://localhost:3000", server.url)
        assert run(line, tmp_path, dict(os.environ)) == sent.shown.strip()
    lines = [f"{mine},0,0", f"{mine},1,1", f"{ID},0,1"]
    (tmp_path / "labels.csv").write_text("\n".join(["prediction_id,row,label", *lines]))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    python = shlex.quote(sys.executable)
    run(f"{python} -m monitoring convert --record record", tmp_path, environment)

    for command in others:
        line = command.line.replace(".venv/bin/python", python)
        assert run(line, tmp_path, environment) == command.shown
