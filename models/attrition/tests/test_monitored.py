"""A year with the model in a minute: asked 10,000 times, shifted, labelled, checked.

The model is trained on a third of the public rows; the others are what it is asked about.
"""

import http.client
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from models.attrition import MODEL
from monitoring.__main__ import main
from monitoring.result import Result
from tests.processes import Server
from training import rows, train
from training.data import load

TRAINED, STEADY, SHIFTED, REPEATED = 3_900, 4_000, 4_000, 2_000
CLIENTS = 4
LABELS = 1_000
FEATURE = "satisfaction_level"

Asked = list[tuple[str, Any]]
"""Prediction id and truth of each row that was asked about."""


@pytest.fixture
def employees(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[dict[str, Any], Any]]:
    """Record and truth of rows that the model, which this trains, has not seen."""
    frame = pd.read_csv(real_data / "hr_turnover.csv").drop_duplicates()
    frame = frame.sample(frac=1, random_state=0)
    seen, unseen = tmp_path / "seen.csv", tmp_path / "unseen.csv"
    frame[:TRAINED].to_csv(seen, index=False)
    frame[TRAINED:].to_csv(unseen, index=False)
    stored = train(MODEL, data=str(seen))
    monkeypatch.setenv("ATTRITION_MODEL", str(stored.tag))
    read = rows.read(MODEL, load(str(unseen)))
    return [(rows.plain(read.records, at), truth) for at, truth in enumerate(read.target.tolist())]


def ask(server: Server, employees: Sequence[tuple[dict[str, Any], Any]]) -> Asked:
    """Asks about one row after the other, over a few connections."""

    def some(first: int) -> Asked:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
        found = []
        for record, truth in employees[first::CLIENTS]:
            body = json.dumps({MODEL.rows: [record]})
            connection.request(
                "POST", f"/{MODEL.name}/predict", body, {"Content-Type": "application/json"}
            )
            response = connection.getresponse()
            response.read()
            assert response.status == 200
            found.append((response.headers["X-Prediction-ID"], truth))
        connection.close()
        return found

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [one for found in pool.map(some, range(CLIENTS)) for one in found]


def tell(server: Server, asked: Asked) -> None:
    """Tells what became true."""
    for first in range(0, len(asked), LABELS):
        labels = [
            {"prediction_id": prediction, "row": 0, "label": truth}
            for prediction, truth in asked[first : first + LABELS]
        ]
        answer = httpx.post(f"{server.url}/feedback", json={"labels": labels}, timeout=30)
        assert (answer.status_code, answer.json()) == (200, {"accepted": len(labels)})


@pytest.mark.real_data
def test_a_shift_is_found_and_the_live_performance_told(
    employees: list[tuple[dict[str, Any], Any]], tmp_path: Path
) -> None:
    record, report = tmp_path / "record", tmp_path / "check.html"
    steady = employees[:STEADY]
    shifted = [
        ({**record, FEATURE: max(0.0, round(record[FEATURE] - 0.1, 2))}, truth)
        for record, truth in employees[STEADY : STEADY + SHIFTED]
    ]

    def check() -> tuple[int, Result]:
        assert main(["convert", "--record", str(record)]) == 0
        told = tmp_path / "check.json"
        command = ["check", "--record", str(record), "--model", MODEL.name]
        code = main([*command, "--json", str(told), "--html", str(report)])
        return code, Result.model_validate_json(told.read_bytes())

    environment = {
        "MODEL_SERVER_RECORD": str(record),
        "MODEL_SERVER_RECORD_FILE_SECONDS": "1",
        "MODELS": MODEL.name,
    }
    with Server.start(environment=environment) as server:
        asked = ask(server, steady)
        ask(server, steady[:REPEATED])
        tell(server, asked)
    code, before = check()
    assert (code, before.drift.state) == (0, "steady")
    assert before.performance is not None
    (area,) = [one for one in before.performance.measures if one.metric == "roc_auc"][:1]
    assert not before.performance.worse

    with Server.start(environment=environment) as server:
        tell(server, ask(server, shifted)[: SHIFTED // 2])
    code, after = check()

    assert (code, after.drift.state) == (1, "alarm")
    assert after.drift.judged <= 2
    assert FEATURE in after.drift.sentence
    assert after.performance is not None
    assert after.performance.labelled == STEADY + SHIFTED // 2
    (now,) = [one for one in after.performance.measures if one.metric == "roc_auc"][:1]
    assert 0.5 < now.value < area.value
    assert now.card == area.card
    page = report.read_text("utf-8")
    assert "data:image/" in page
    assert FEATURE in page
