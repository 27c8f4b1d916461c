"""The gRPC contracts made of the types."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, create_model

from framework import FieldError, Model, Regression
from framework.discovery import find_models
from framework.protos import broken, numbered, out_of_date, text_of, write
from framework.protos.files import ProtoError, described
from framework.recipes.pipeline import Pipeline

Whole = Annotated[int, Field(ge=0, le=100)]


class Part(BaseModel):
    """What one field adds."""

    value: int | float | str
    weight: float = Field(description="How much.")


class Why(BaseModel):
    """Why an answer.

    A second paragraph, which says more.
    """

    best: Part
    parts: list[Part]
    shares: dict[str, float]
    ranks: list[int]
    note: str | None


class Answer(BaseModel):
    amount: float


def model_of(record: type[BaseModel], sample: dict[str, Any], **more: Any) -> Model[Any, Any]:
    given: dict[str, Any] = {"name": "wine", "rows": "wines", "answer": Answer, **more}
    # Nothing is fitted here.
    return Pipeline(
        record=record, target="y", task=Regression(), sample=[sample], pipeline=object, **given
    )


def with_fields(fields: dict[str, Any], name: str = "Wine", **more: Any) -> Model[Any, Any]:
    samples = {float: 0.5, int: 1, Whole: 1, str: "a", bool: True}
    types: dict[str, Any] = {key: (kind, ...) for key, kind in fields.items()}
    record: type[BaseModel] = create_model(name, **types)
    return model_of(record, {key: samples[kind] for key, kind in fields.items()}, **more)


def compiled(folder: Path, model: Model[Any, Any]) -> FileDescriptorProto:
    """Writes a contract over the one that is there, and returns what it says now."""
    former = described(folder, "wine.proto")
    folder.joinpath("wine.proto").write_text(text_of(model, numbered(model, former)))
    now = described(folder, "wine.proto")
    assert now is not None
    return now


def numbers(contract: FileDescriptorProto, name: str) -> dict[str, int]:
    (message,) = [one for one in contract.message_type if one.name == name]
    return {field.name: field.number for field in message.field}


@pytest.mark.parametrize(
    ("annotation", "sample", "spelling"),
    [
        (float, 0.5, "optional double x = 1;"),
        (int, 1, "optional int64 x = 1;"),
        (Whole, 1, "optional int32 x = 1;"),
        (Annotated[int, Field(ge=0)], 1, "optional int64 x = 1;"),
        (Annotated[int, Field(ge=0, le=2**31)], 1, "optional int64 x = 1;"),
        (bool, True, "optional bool x = 1;"),
        (str, "a", "optional string x = 1;"),
        (Literal["a", "b"], "a", "optional string x = 1;"),
        (Literal[1, 2], 1, "optional int32 x = 1;"),
        (float | None, None, "optional double x = 1;"),
        (Annotated[list[float], Field(min_length=2, max_length=2)], [1, 2], "repeated double x"),
        (Annotated[list[Whole], Field(min_length=1, max_length=1)], [1], "repeated int32 x = 1;"),
    ],
)
def test_a_field_of_a_record_has_a_form(annotation: Any, sample: Any, spelling: str) -> None:
    model = model_of(create_model("Wine", x=(annotation, ...)), {"x": sample})

    assert f"  {spelling}" in text_of(model, numbered(model))


def test_answers_and_what_is_within_them_have_a_form(tmp_path: Path) -> None:
    model = with_fields({"x": float}, explanation=Why)

    text = text_of(model, numbered(model))
    contract = compiled(tmp_path, model)

    assert [message.name for message in contract.message_type] == [
        *("WinesRequest", "Wine", "PredictResponse", "Answer", "ExplainResponse", "Why", "Part")
    ]
    assert contract.package == "wine.v1"
    assert [method.name for method in contract.service[0].method] == ["Predict", "Explain"]
    assert contract.service[0].name == "WineService"
    for line in (
        "rpc Explain(WinesRequest) returns (ExplainResponse);",
        "// Why an answer.\nmessage Why {",
        "  double amount = 1;",
        "  Part best = 1;",
        "  repeated Part parts = 2;",
        "  map<string, double> shares = 3;",
        "  repeated int64 ranks = 4;",
        "  optional string note = 5;",
        "  google.protobuf.Value value = 1;",
        "  // How much.\n  double weight = 2;",
    ):
        assert line in text


@pytest.mark.parametrize(
    ("annotation", "sample", "description", "comment"),
    [
        (Annotated[float, Field(ge=0, le=1)], 0.5, "A share.", "A share. From 0 to 1."),
        (
            Annotated[float, Field(ge=0, le=1)],
            0.5,
            "A share, from 0 to 1.",
            "A share, from 0 to 1.",
        ),
        (Annotated[float, Field(gt=0, lt=1_000)], 0.5, "Size", "Size. Above 0, below 1,000."),
        (Annotated[float, Field(ge=0)] | None, None, "", "At least 0; may be missing."),
        (Annotated[float, Field(le=5)], 0.5, "", "At most 5."),
        (Annotated[float, Field(gt=0, le=5)], 0.5, "", "Above 0, at most 5."),
        (Literal["a", "b", "c"], "a", "Kind.", "Kind. One of a, b or c."),
        (Annotated[str, Field(min_length=1, max_length=9)], "a", "", "1 to 9 characters."),
        (
            Annotated[list[Whole], Field(min_length=1, max_length=1)],
            [1],
            "",
            "1 values; from 0 to 100.",
        ),
    ],
)
def test_comments_say_what_a_value_may_be(
    annotation: Any, sample: Any, description: str, comment: str
) -> None:
    record = create_model("Wine", x=(annotation, Field(description=description)))
    model = model_of(record, {"x": sample})

    assert f"  // {comment}\n  " in text_of(model, numbered(model))


def test_comments_are_wrapped() -> None:
    record = create_model("Wine", x=(float, Field(description="very " * 40 + "long")))
    text = text_of(model := model_of(record, {"x": 0.5}), numbered(model))

    assert max(map(len, text.splitlines())) <= 100


def test_two_types_of_one_name_are_refused() -> None:
    model = with_fields({"x": float}, name="Answer")

    with pytest.raises(FieldError, match="two types would be a message Answer"):
        numbered(model)


FIELDS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d", "e"]), st.sampled_from([float, int, bool, str]), min_size=1
)


@given(history=st.lists(FIELDS, min_size=2, max_size=5))
def test_a_number_means_one_field_for_ever(
    history: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("history")
    meaning: dict[int, str] = {}
    before: dict[str, int] = {}
    for fields in history:
        now = numbers(compiled(folder, with_fields(fields)), "Wine")

        assert list(now) == list(fields)
        for name, number in now.items():
            assert meaning.setdefault(number, name) == name
            assert number == before.get(name, number)
        before = now


def test_what_is_gone_is_reserved(tmp_path: Path) -> None:
    compiled(tmp_path, with_fields({"a": float, "b": float, "c": float}))
    compiled(tmp_path, with_fields({"d": float, "c": float}))

    text = tmp_path.joinpath("wine.proto").read_text()
    assert '  reserved 1, 2;\n  reserved "a", "b";\n' in text
    assert numbers(compiled(tmp_path, with_fields({"c": float, "a": float})), "Wine") == {
        "c": 3,
        "a": 5,
    }
    text = tmp_path.joinpath("wine.proto").read_text()
    assert '  reserved 1, 2, 4;\n  reserved "b", "d";\n' in text


def test_numbers_stay_when_a_type_is_renamed(tmp_path: Path) -> None:
    compiled(tmp_path, with_fields({"a": float, "b": float}))

    renamed = compiled(
        tmp_path, with_fields({"b": float, "a": float}, name="Bottle", rows="crates")
    )

    assert numbers(renamed, "Bottle") == {"b": 2, "a": 1}
    assert numbers(renamed, "CratesRequest") == {"crates": 1}


@pytest.mark.parametrize(
    ("before", "after", "breaks"),
    [
        (float, str, ["Wine.a was double and is string: clients made with the former file"]),
        (Whole, int, []),
        (float, float, []),
    ],
)
def test_a_type_that_clients_cannot_read_is_told(
    before: Any, after: Any, breaks: list[str], tmp_path: Path
) -> None:
    former = compiled(tmp_path, with_fields({"a": before}))
    model = with_fields({"a": after})

    told = list(broken(model, numbered(model, former), former))

    assert [one.partition(" cannot")[0] for one in told] == breaks
    assert numbers(compiled(tmp_path, model), "Wine") == {"a": 1}


@pytest.mark.parametrize("model", find_models().values(), ids=find_models())
def test_a_model_of_this_repository_keeps_its_contract(model: Model[Any, Any]) -> None:
    committed = FileDescriptorProto()
    assert model.descriptor is not None
    model.descriptor.CopyToProto(committed)
    made = {message.name: message for message in numbered(model, committed)}

    for message in committed.message_type:
        expected = [(field.name, field.number, _spelt(field)) for field in message.field]
        fields = made[message.name].fields
        assert [
            (one.name, one.number, "" if one.type[0].isupper() or "map<" in one.type else one.type)
            for one in fields
        ] == expected


def _spelt(field: FieldDescriptorProto) -> str:
    scalars = {1: "double", 3: "int64", 5: "int32", 8: "bool", 9: "string"}
    value = field.type_name == ".google.protobuf.Value"
    return "google.protobuf.Value" if value else scalars.get(field.type, "")


def test_stubs_are_written_and_found_out_of_date(tmp_path: Path) -> None:
    folder = tmp_path / "hand"
    folder.mkdir()
    proto = folder / "toy.proto"
    proto.write_text('syntax = "proto3";\npackage toy.v1;\nmessage Toy { double size = 1; }\n')

    assert out_of_date([], tmp_path) == [
        f"hand/toy_pb2{end}" for end in (".py", ".pyi", "_grpc.py")
    ]
    assert write([], tmp_path) == []
    assert out_of_date([], tmp_path) == []
    assert (folder / "toy_pb2.py").read_text().startswith("# mypy: ignore-errors\n")

    proto.write_text(proto.read_text().replace("size", "width"))
    assert "hand/toy_pb2.py" in out_of_date([], tmp_path)


def test_a_file_that_is_no_proto_is_refused(tmp_path: Path) -> None:
    tmp_path.joinpath("hand").mkdir()
    tmp_path.joinpath("hand", "toy.proto").write_text("message {")

    with pytest.raises(ProtoError, match=r"refused hand/toy\.proto"):
        write([], tmp_path)
