"""The same values in another form: whole numbers, raw or in JSON, and texts in Base64."""

from base64 import b64encode
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.encoder import Encoder
from framework.open_inference.tensors import BYTES, DTYPES, encode
from serving.errors import ServingError
from serving.open_inference.column import listed
from serving.open_inference.columns import read_columns
from tests.unit.serving.open_inference.records import SIGNATURE, Reading, as_array, replaced

ENCODER = Encoder(Reading)
MAX_ROWS = 1_000


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    ("name", "given"), [("score", [1, 0]), ("free", [-7, 2]), ("count", [7, 0])]
)
def test_whole_numbers_are_numbers(name: str, given: list[int], raw: bool) -> None:
    data: Any = as_array(given, "INT16").tobytes() if raw else given

    columns = read_columns(SIGNATURE, replaced(name, datatype="INT16", data=data), MAX_ROWS)

    assert columns[name].tolist() == given


WHOLE = [
    (name, datatype)
    for name, column in SIGNATURE.inputs.items()
    for datatype in column.accepted
    if "INT" in datatype
]


@given(column=st.sampled_from(WHOLE), data=st.data())
def test_whole_numbers_are_judged_alike_as_a_list_and_raw(
    column: tuple[str, str], data: st.DataObject
) -> None:
    name, datatype = column
    dtype = np.dtype(DTYPES[datatype])
    size = 2 * (SIGNATURE.inputs[name].spec.length or 1)
    limits = np.iinfo(dtype)
    numbers = st.one_of(st.integers(0, 9), st.integers(int(limits.min), int(limits.max)))
    drawn = data.draw(st.lists(numbers, min_size=size, max_size=size))
    shape = [2, size // 2] if SIGNATURE.inputs[name].spec.length else [2]

    def outcome(sent: Any) -> Any:
        try:
            columns = read_columns(
                SIGNATURE, replaced(name, datatype=datatype, shape=shape, data=sent), MAX_ROWS
            )
        except ServingError as error:
            return error.detail
        return ENCODER.from_columns(columns).matrix.tobytes(), columns[name].dtype

    assert outcome(drawn) == outcome(np.array(drawn, dtype).tobytes())


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    ("name", "texts"), [("text", ["fine", "日本語"]), ("grade", ["low", "high"])]
)
def test_texts_may_come_in_base64(name: str, texts: list[str], raw: bool) -> None:
    data: Any = [b64encode(text.encode()).decode() for text in texts]
    if raw:
        data = encode(np.array(data, dtype=object), BYTES)

    columns = read_columns(SIGNATURE, replaced(name, data=data, base64=True), MAX_ROWS)

    assert listed(SIGNATURE.inputs[name], columns[name]) == texts
