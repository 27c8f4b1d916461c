"""Loading: the same table from CSV and Parquet, from disk and over HTTP, in either spelling."""

import functools
import http.server
import io
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.attrition.schema import Employee
from training import TrainingError, attrition, data, simulation, topics
from training.validation import Column, read


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serves `tmp_path`; returns its address."""
    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def typed(table: data.Table) -> pd.DataFrame:
    return read(table, attrition.COLUMNS)


def test_csv_and_parquet_give_the_same_rows(
    employees: data.Table, server: str, tmp_path: Path
) -> None:
    expected = typed(employees)
    (tmp_path / "plain.csv").write_bytes(employees.content)
    (tmp_path / "without-ending").write_bytes(employees.content)
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf" + employees.content)
    expected.to_parquet(tmp_path / "typed.parquet")
    for name in ("plain.csv", "without-ending", "bom.csv", "typed.parquet"):
        for source in (str(tmp_path / name), f"{server}/{name}"):
            pd.testing.assert_frame_equal(typed(data.load(source)), expected)
    assert data.load(str(tmp_path / "plain.csv")).sha256 == employees.sha256


def test_both_spellings_give_the_same_rows(employees: data.Table) -> None:
    names = {
        column.name: column.spellings[-1]
        for column in attrition.COLUMNS
        if len(column.spellings) > 1
    }
    assert names == {
        "average_monthly_hours": "average_montly_hours",
        "work_accident": "Work_accident",
        "department": "sales",
    }
    respelt = employees.frame.rename(columns=names).to_csv(index=False).encode()
    pd.testing.assert_frame_equal(typed(data.from_csv(respelt, "respelt")), typed(employees))


def test_columns_are_those_of_the_schema() -> None:
    assert [column.name for column in Column.of_model(Employee)] == list(Employee.model_fields)


def test_numbers_are_read_exactly() -> None:
    bits = np.random.default_rng(0).integers(0, 2**52, 2000)
    numbers = [struct.unpack("d", struct.pack("Q", (1022 << 52) + int(low)))[0] for low in bits]
    content = "x\n" + "\n".join(map(repr, numbers))
    values = read(data.from_csv(content.encode(), "x"), [Column("x", ("x",), float)])["x"]
    assert values.tolist() == numbers


def test_a_title_may_look_like_a_missing_value() -> None:
    table = data.from_csv(b"title,description,tag\nNA,,mlops\nnull,None,mlops\n", "x")
    assert read(table, topics.COLUMNS).to_numpy().tolist() == [
        ["NA", "", "mlops"],
        ["null", "None", "mlops"],
    ]


def test_a_missing_description_in_parquet_is_empty() -> None:
    frame = pd.DataFrame({"title": ["a"], "description": [None], "tag": ["mlops"]})
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    table = data.from_parquet(buffer.getvalue(), "x")
    assert read(table, topics.COLUMNS)["description"].tolist() == [""]


def test_unreachable_sources_are_named(server: str, tmp_path: Path) -> None:
    for source, reason in {
        f"{server}/absent.csv": "the server answered 404",
        "http://127.0.0.1:1/a.csv": "cannot be reached",
        str(tmp_path / "absent.csv"): "No such file",
        str(tmp_path): "Is a directory",
        "s3://bucket/a.csv": "unsupported address",
    }.items():
        with pytest.raises(TrainingError, match=reason) as caught:
            data.load(source)
        assert source in str(caught.value)


def test_secrets_in_an_address_are_not_kept(server: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x\n1\n")
    address = server.replace("//", "//user:secret@") + "/a.csv?token=secret"
    assert data.load(address).source == f"{server}/a.csv"
    with pytest.raises(TrainingError) as caught:
        data.load(address.replace("a.csv", "b.csv"))
    assert "secret" not in str(caught.value)


def test_the_simulation_is_always_the_same() -> None:
    for simulate in (simulation.attrition, simulation.topics):
        assert simulate().sha256 == simulate().sha256
        assert simulate().simulated
