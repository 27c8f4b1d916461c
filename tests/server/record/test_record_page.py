"""What the page says of the record, done as it says."""

import csv
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
from tests.server.record.test_recording import ID

PAGE = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
(RECORD,) = re.findall(r"^## The record$.*?(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
(SHOWN,) = set(re.findall(r"\w+-[0-9a-f]{24}", RECORD))
MODEL = find_models().get(SHOWN.partition("-")[0])


@pytest.mark.skipif(MODEL is None, reason="the page's model was deleted")
def test_the_commands_of_the_page_work(
    stored_models: dict[str, bentoml.Model], tmp_path: Path
) -> None:
    assert MODEL is not None
    (tmp_path / "page.md").write_text(RECORD)
    asked: dict[str, Any] = {MODEL.rows: [dict(MODEL.sample[0])]}
    settings = {"MODEL_SERVER_RECORD": str(tmp_path / "record")}
    with Server.start(environment=settings) as server:
        url, named = f"{server.url}/{MODEL.name}/predict", {"X-Request-ID": "order-66"}
        answer = httpx.post(url, json=asked, headers=named, timeout=30)
        assert httpx.post(url, json={}, timeout=30).status_code == 400
    mine = answer.headers[ID]
    tag = str(stored_models[MODEL.name].tag)
    python = shlex.quote(sys.executable)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def told(line: str) -> str:
        line = line.replace(".venv/bin/python", python).replace(SHOWN, mine)
        return run(line, tmp_path, environment)

    convert, query, export, failed, delete = [one.line for one in commands(tmp_path / "page.md")]
    assert told(convert).startswith("1 files: 1 rows, 1 refused requests")
    assert tag in told(query)
    assert told(export) == ""
    with (tmp_path / "yesterday.csv").open() as file:
        assert [row["prediction_id"] for row in csv.DictReader(file)] == [mine]
    assert "invalid_input" in told(failed)
    assert told(delete) == "1 rows deleted\n"
