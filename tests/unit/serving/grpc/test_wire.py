"""Fields of a message are counted before anything is made of them."""

from typing import Any

import pytest
from google.protobuf.struct_pb2 import ListValue

from framework.open_inference.inference_pb2 import InferTensorContents
from serving.errors import Code, ServingError
from serving.grpc.wire import Inside, counted, number_lists, too_many_fields

MOST = 10
ROW = b"\x0a\x00"


def parse(body: bytes, *, deep: bool = False) -> ListValue:
    """Parses a list of values, of which some may be lists themselves."""
    inside: Inside = {1: {6: {}}} if deep else {}
    made = counted(ListValue.FromString, MOST, lambda: too_many_fields(MOST), inside)(body)
    assert isinstance(made, ListValue)
    return made


def test_a_message_of_as_many_fields_as_allowed_is_parsed() -> None:
    assert len(parse(ROW * MOST).values) == MOST
    assert len(parse(b"\x0a\x0b\x1a\x09" + b"x" * 9 + ROW * (MOST - 1)).values) == MOST


@pytest.mark.parametrize("field", [ROW, b"\x10\x01", b"\x15aaaa", b"\x11aaaaaaaa", b"\xfa\x7f\x00"])
def test_one_more_is_refused_whatever_it_is(field: bytes) -> None:
    with pytest.raises(ServingError) as refused:
        parse(field * (2 * MOST))

    assert refused.value.code is Code.INVALID_INPUT


def test_fields_are_counted_where_messages_are_looked_into() -> None:
    many = ListValue()
    many.values.add().list_value.extend([1.0] * (3 * MOST))
    body = many.SerializeToString()

    assert len(parse(body).values) == 1
    with pytest.raises(ServingError):
        parse(body, deep=True)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(("bool_contents", True), ("int_contents", -1), ("int64_contents", 2**60)),
        *(("uint_contents", 0), ("uint64_contents", 300)),
        *(("fp32_contents", 1.5), ("fp64_contents", 2.5)),
    ],
)
def test_numbers_in_a_list_are_counted_whatever_they_take(name: str, number: float) -> None:
    def parse_numbers(count: int) -> InferTensorContents:
        message: Any = InferTensorContents
        body = message(**{name: [number] * count}).SerializeToString()
        lists = number_lists(message.DESCRIPTOR)
        # The list itself is a field.
        parse_few = counted(message.FromString, MOST + 1, lambda: too_many_fields(MOST), lists)
        found: InferTensorContents = parse_few(body)
        return found

    assert len(getattr(parse_numbers(MOST), name)) == MOST
    for count in (MOST + 1, 1_000):
        with pytest.raises(ServingError):
            parse_numbers(count)


@pytest.mark.parametrize("end", [b"\x0a", b"\x0a\xff", b"\x0b", b"\xff" * 20, b"\x15a"])
def test_what_is_malformed_is_protobufs_to_refuse(end: bytes) -> None:
    body = ROW * (MOST - 2) + b"\x0a\x06\x1a\x04" + b"xxxx" + end

    with pytest.raises(Exception, match="parsing"):
        parse(body)
