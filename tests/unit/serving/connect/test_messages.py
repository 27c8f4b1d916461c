"""Protobuf's JSON, by descriptors: read and written as protobuf's own library does, slowly."""

from typing import Any

import pytest
from google.protobuf import descriptor_pool, json_format, struct_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from serving.connect.messages import DuplicateNameError, reader, writer

Proto = FieldDescriptorProto
_TYPES: dict[str, Any] = {
    "a_double": Proto.TYPE_DOUBLE,
    "an_int32": Proto.TYPE_INT32,
    "an_int64": Proto.TYPE_INT64,
    "a_uint64": Proto.TYPE_UINT64,
    "a_bool": Proto.TYPE_BOOL,
    "a_text": Proto.TYPE_STRING,
}


def _described() -> FieldDescriptor:
    """The one field of a request: a list of messages with fields of every type."""
    file = FileDescriptorProto(
        name="all.proto", package="all", dependency=["google/protobuf/struct.proto"]
    )
    asked, row, part = (file.message_type.add(name=name) for name in ("Asked", "Row", "Part"))

    def add(name: str, label: Any, type_name: str) -> None:
        number = len(row.field) + 1
        row.field.add(
            name=name, number=number, label=label, type=Proto.TYPE_MESSAGE, type_name=type_name
        )

    one, many = Proto.LABEL_OPTIONAL, Proto.LABEL_REPEATED
    asked.field.add(
        name="the_rows", number=1, label=many, type=Proto.TYPE_MESSAGE, type_name=".all.Row"
    )
    part.field.add(name="big_number", number=1, label=one, type=Proto.TYPE_INT64)
    part.field.add(name="name", number=2, label=one, type=Proto.TYPE_STRING)
    for number, (name, kind) in enumerate(_TYPES.items(), 1):
        row.field.add(name=name, number=number, label=one, type=kind)
    for number, (name, kind) in enumerate(_TYPES.items(), len(_TYPES) + 1):
        row.field.add(name=f"list_of_{name}", number=number, label=many, type=kind)
    add("a_part", one, ".all.Part")
    add("all_parts", many, ".all.Part")
    add("any_value", one, ".google.protobuf.Value")
    for name in ("a_double", "an_int64"):
        entry = row.nested_type.add(name=f"MapOf{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, label=one, type=Proto.TYPE_STRING)
        entry.field.add(name="value", number=2, label=one, type=_TYPES[name])
        add(f"map_of_{name}", many, f".all.Row.{entry.name}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    found: FieldDescriptor = pool.FindMessageTypeByName("all.Asked").fields[0]
    return found


ROWS = _described()
_TYPE: Any = ROWS.containing_type
ASKED: Any = GetMessageClass(_TYPE)
TEXTS = st.text(max_size=5)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "a_double": st.floats(allow_nan=False, allow_infinity=False),
    "an_int32": st.integers(-(2**31), 2**31 - 1),
    "an_int64": st.integers(-(2**63), 2**63 - 1),
    "a_uint64": st.integers(0, 2**64 - 1),
    "a_bool": st.booleans(),
    "a_text": TEXTS,
}
PARTS = st.fixed_dictionaries({"big_number": VALUES["an_int64"], "name": TEXTS})
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        **VALUES,
        **{f"list_of_{name}": st.lists(values, max_size=3) for name, values in VALUES.items()},
        "a_part": PARTS,
        "all_parts": st.lists(PARTS, max_size=2),
        "map_of_a_double": st.dictionaries(TEXTS, VALUES["a_double"], max_size=2),
        "map_of_an_int64": st.dictionaries(TEXTS, VALUES["an_int64"], max_size=2),
    },
)
SPELLINGS = [{}, {"preserving_proto_field_name": True}, {"always_print_fields_with_no_presence": 1}]


@given(records=st.lists(RECORDS, max_size=2), spelling=st.sampled_from(SPELLINGS))
def test_what_clients_write_is_read_as_the_message(
    records: list[Any], spelling: dict[str, Any]
) -> None:
    message = ASKED(the_rows=records)
    (written,) = json_format.MessageToDict(message, **spelling).values() or [[]]
    read: Any = reader(ROWS)

    assert ASKED(the_rows=read(written)) == message


@given(records=st.lists(RECORDS, max_size=2))
def test_what_is_written_is_read_by_protobufs_library(records: list[Any]) -> None:
    write: Any = writer(ROWS)

    written = json_format.ParseDict({"theRows": write(records)}, ASKED())

    assert written == ASKED(the_rows=records)


@pytest.mark.parametrize(
    ("record", "read"),
    [
        ({"aDouble": "-Infinity"}, {"a_double": float("-inf")}),
        ({"anInt32": "7", "anInt64": 1e3}, {"an_int32": 7, "an_int64": 1_000}),
        ({"listOfAnInt64": ["-9", 8.0]}, {"list_of_an_int64": [-9, 8]}),
        ({"aText": None}, {}),
        ({"anInt32": "7x", "aDouble": "1,5"}, {"an_int32": "7x", "a_double": "1,5"}),
        ({"anInt32": 7.5, "aBool": "true"}, {"an_int32": 7.5, "a_bool": "true"}),
        ({"listOfADouble": 7, "mapOfAnInt64": 7}, {"list_of_a_double": 7, "map_of_an_int64": 7}),
        ({"nothing": None}, {"nothing": None}),
        (7, 7),
    ],
)
def test_what_is_wrong_stays_as_it_is(record: Any, read: Any) -> None:
    found: Any = reader(ROWS)

    assert found([record]) == [read]


def test_a_field_under_both_names_is_told_by_its_place() -> None:
    read: Any = reader(ROWS)

    with pytest.raises(DuplicateNameError) as raised:
        read([{}, {"aText": "x", "a_text": "y"}])

    assert raised.value.loc == (1, "a_text")


def test_names_that_agree_need_no_writing() -> None:
    part: Any = ROWS.message_type
    assert writer(part.fields_by_name["any_value"]) is None
    assert writer(part.fields_by_name["map_of_a_double"]) is None
    assert writer(part.fields_by_name["a_part"]) is not None
