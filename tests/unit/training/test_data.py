"""Loading: the same rows from CSV and Parquet, from disk and over HTTP, in either spelling."""

import functools
import gzip
import http.server
import io
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from framework.discovery import find_models
from framework.fields import FieldSpec, fields_of
from framework.model import Model
from training import TrainingError, csv_format, data, rows
from training.validation import read

Toys = dict[str, Model[Any, Any]]


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


def table(content: str, name: str = "x") -> data.Table:
    return data.Table(
        name, "file", "", csv_format.parse(content.encode(), name), "line", content.encode()
    )


def same(one: rows.Rows, other: rows.Rows) -> bool:
    return one.records.keys() == other.records.keys() and np.array_equal(one.target, other.target)


@pytest.mark.parametrize("name", ["loans", "houses", "notes", "plants"])
def test_every_way_to_a_table_gives_the_same_rows(
    name: str, toys: Toys, files: dict[str, Path], server: str, tmp_path: Path
) -> None:
    model, content = toys[name], files[name].read_bytes()
    expected = rows.read(model, data.load(str(files[name])))
    written = {
        "plain.csv": content,
        "without-ending": content,
        "bom.csv": b"\xef\xbb\xbf" + content,
        "packed.csv.gz": gzip.compress(content),
        "packed-all-the-same.csv": gzip.compress(content),
    }
    typed = io.BytesIO()
    # pandas guesses the types, and writes true numbers, truth values and gaps.
    pd.read_csv(io.BytesIO(content)).to_parquet(typed)
    written["typed.parquet"] = typed.getvalue()
    written["typed.parquet.gz"] = gzip.compress(typed.getvalue())
    for file, stored in written.items():
        (tmp_path / file).write_bytes(stored)
        for source in (str(tmp_path / file), f"{server}/{file}"):
            assert same(rows.read(model, data.load(source)), expected), source


def test_lists_of_a_parquet_file_are_columns(
    toys: Toys, files: dict[str, Path], tmp_path: Path
) -> None:
    model = toys["houses"]
    assert model.data is not None
    columns = {name: list(values) for name, values in model.data.load().items()}
    pd.DataFrame(columns).to_parquet(tmp_path / "lists.parquet")
    expected = rows.read(model, data.load(str(files["houses"])))
    assert same(rows.read(model, data.load(str(tmp_path / "lists.parquet"))), expected)
    assert np.isnan(expected.records.matrix[::10, 1:]).all()


def test_each_spelling_gives_the_same_rows(toys: Toys, files: dict[str, Path]) -> None:
    content = files["loans"].read_text()
    expected = rows.read(toys["loans"], table(content))
    respelt = content.replace("amount", "Amount", 1)
    assert same(rows.read(toys["loans"], table(respelt)), expected)


def test_numbers_are_read_exactly() -> None:
    bits = np.random.default_rng(0).integers(0, 2**52, 2000)
    numbers = [struct.unpack("d", struct.pack("Q", (1022 << 52) + int(low)))[0] for low in bits]
    content = "x\n" + "\n".join(map(repr, numbers))
    found = read(table(content), [FieldSpec("x", ("x",), "float", float)])["x"]
    assert found.tolist() == numbers


def test_a_text_may_look_like_a_missing_value(toys: Toys) -> None:
    row: type[BaseModel] = toys["notes"].table
    found = read(table("title,body\nNA,\nnull,None\n"), fields_of(row))
    assert found["title"].tolist() == ["NA", "null"]
    assert found["body"].tolist() == [None, "None"]


def test_a_number_may_be_missing_in_several_words(toys: Toys) -> None:
    content = "amount,income,rate,owner,band,grade\n" + "".join(
        f"9,{word},0.1,true,low,{grade}\n"
        for word, grade in [("", ""), ("NA", "1"), ("nan", "2"), ("null", "3"), ("7", "")]
    )
    found = read(table(content), toys["loans"].encoder.fields)
    np.testing.assert_array_equal(found["income"], [np.nan] * 4 + [7])
    np.testing.assert_array_equal(found["grade"], [np.nan, 1, 2, 3, np.nan])


def test_an_empty_cell_stands_for_the_default() -> None:
    fields = [
        FieldSpec("n", ("n",), "int", int, required=False, default=3),
        FieldSpec("t", ("t",), "text", str, required=False, default="none"),
    ]
    found = read(table("n,t\n,\n5,x\n"), fields)
    assert found["n"].tolist() == [3, 5]
    assert found["t"].tolist() == ["none", "x"]


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


def test_what_models_bring_along_is_always_the_same_and_says_what_it_is() -> None:
    for model in find_models().values():
        if model.data is not None:
            one, other = data.of_source(model.data), data.of_source(model.data)
            assert one.sha256 == other.sha256
            assert one.kind == model.data.kind
            assert one.source == model.data.name
