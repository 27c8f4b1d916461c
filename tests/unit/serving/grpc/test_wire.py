"""Fields of a message are counted before anything is made of them."""

import pytest
from google.protobuf.struct_pb2 import ListValue

from serving.errors import Code, ServingError
from serving.grpc.wire import Inside, counted, too_many_fields

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


@pytest.mark.parametrize("end", [b"\x0a", b"\x0a\xff", b"\x0b", b"\xff" * 20, b"\x15a"])
def test_what_is_malformed_is_protobufs_to_refuse(end: bytes) -> None:
    body = ROW * (MOST - 2) + b"\x0a\x06\x1a\x04" + b"xxxx" + end

    with pytest.raises(Exception, match="parsing"):
        parse(body)
