"""The definition of a model: what it derives from its parts, and which parts it refuses."""

from typing import Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from deploy.processes import ROOT
from framework import MAX_ROWS, Binary, FieldError, Model, Regression
from framework.discovery import ModelNotFoundError, find_model, find_models, model_names
from framework.recipes.lightgbm import LightGBM
from framework.recipes.pipeline import Pipeline


class Parcel(BaseModel):
    width: float
    height: float
    label: Literal["a", "b"]


class Letter(BaseModel):
    text: str
    pages: int


class Price(BaseModel):
    price: float


OTHER = f"from tests.models.{model_names('tests.models')[0]} import MODEL"
PARCEL: dict[str, Any] = {"width": 2.0, "height": 3.0, "label": "a"}


def model(**changes: Any) -> LightGBM[Parcel, Price]:
    """A model of parcels that differs in something."""
    parts: dict[str, Any] = {
        "name": "parcels",
        "record": Parcel,
        "answer": Price,
        "target": "price",
        "task": Regression(),
        "sample": [PARCEL, {**PARCEL, "width": 4.0}],
    }
    return LightGBM(**{**parts, **changes})


def test_a_request_is_a_list_of_records_under_the_models_word_for_them() -> None:
    request = model(rows="brown_parcels").request

    assert request.__name__ == "BrownParcelsRequest"
    request.model_validate({"brown_parcels": [PARCEL]})
    wrong: list[dict[str, Any]] = [
        {"brown_parcels": []},
        {"brown_parcels": [PARCEL] * (MAX_ROWS + 1)},
        {"brown_parcels": [PARCEL], "more": 1},
        {"records": [PARCEL]},
    ]
    for refused in wrong:
        with pytest.raises(ValidationError):
            request.model_validate(refused)


def test_derived_columns_stand_behind_the_records_own() -> None:
    one = model(derived=lambda columns: {"area": columns["width"] * columns["height"]})
    records = one.encoder.from_records([Parcel(**PARCEL), Parcel(width=5, height=1, label="b")])

    assert one.feature_names == ["width", "height", "label", "area"]
    np.testing.assert_array_equal(one.features(records), [[2, 3, 0, 6], [5, 1, 1, 5]])


def test_texts_are_the_last_features_of_a_pipeline() -> None:
    letters = Pipeline[Letter, Price](
        name="letters",
        record=Letter,
        answer=Price,
        target="price",
        task=Regression(),
        sample=[{"text": "Dear", "pages": 1}],
        derived=lambda columns: {"double": columns["pages"] * 2},
        pipeline=lambda: None,
    )
    records = letters.encoder.from_columns({"text": ["Dear", "Hello"], "pages": [1, 2]})

    assert letters.feature_names == ["pages", "double", "text"]
    assert letters.features(records).tolist() == [[1, 2, "Dear"], [2, 4, "Hello"]]


def test_rows_are_measured_apart_by_category_unless_the_model_says_how() -> None:
    records = model().encoder.from_records([Parcel(**PARCEL), Parcel(**PARCEL | {"label": "b"})])
    parts = model().slices(records.columns)

    assert {name: part.tolist() for name, part in parts.items()} == {
        "label=a": [True, False],
        "label=b": [False, True],
    }
    own = model(slices=lambda columns: {"wide": columns["width"] > 1}).slices(records.columns)
    assert own["wide"].tolist() == [True, True]


@pytest.mark.parametrize("name", ["", "Parcels", "2parcels", "my-parcels", "class", "import", "v2"])
def test_a_name_that_is_no_identifier_is_refused(name: str) -> None:
    with pytest.raises(FieldError, match="is no name for a model"):
        model(name=name)


def test_a_name_that_means_something_else_is_refused() -> None:
    with pytest.raises(FieldError) as refused:
        model(name="all")
    assert str(refused.value) == (
        "'all' is no name for a model: on a command line or in an address of the server it means "
        "something else, like docs, metrics, models, redoc, v2."
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sample": []}, "needs at least one sample record"),
        ({"sample": [{**PARCEL, "label": "c"}]}, "sample record is not valid: (.|\n)*label"),
        ({"task": Binary(), "answer": Letter}, "Letter: the answer of a Binary model"),
        ({"target": ["price", "tax"]}, "should have one target"),
        (
            {"derived": lambda columns: {"width": columns["width"]}},
            "'width' should have a name of its own",
        ),
        (
            {"derived": lambda columns: {"sum": columns["width"].sum()}},
            r"one value for each of the 2 records, not the shape \(\)",
        ),
        ({"record": Letter, "sample": [{"text": "", "pages": 1}]}, "takes no texts, but text"),
        ({"ordered": ["label", "lable"]}, "lable is no field of a Literal type"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FieldError, match=sentence):
        model(**changes)


def test_the_folders_are_the_models() -> None:
    folder = ROOT / "tests" / "models"
    names = model_names("tests.models")

    assert names == sorted(one.name for one in folder.iterdir() if (one / "__init__.py").is_file())
    found = find_models("tests.models")
    assert list(found) == names
    for name, one in found.items():
        assert isinstance(one, Model)
        assert one.name == name
        assert one.package == f"tests.models.{name}"
        assert one.folder == folder / name
        assert one.description.endswith(".")
        assert one is find_model(name, "tests.models")


def test_a_model_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(ModelNotFoundError, match=", ".join(model_names("tests.models"))):
        find_model("weather", "tests.models")
    with pytest.raises(ModelNotFoundError, match="there is none yet"):
        find_model("weather", "tests.unit.trees")


@pytest.mark.parametrize("content", ["", "MODEL = 7", OTHER])
def test_a_folder_without_a_model_of_its_name_is_refused(
    content: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = f"shelf_{abs(hash(content))}"
    folder = tmp_path / package / "weather"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("framework.discovery.ROOT", tmp_path)

    with pytest.raises(FieldError, match=f"{package}/weather/__init__.py should define MODEL"):
        find_model("weather", package)
