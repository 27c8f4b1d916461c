"""Settings: what is allowed, what is refused, and how a refusal reads."""

import os
from collections.abc import Iterator
from unittest import mock

import pytest
from bentoml.exceptions import BentoMLConfigException
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from serving.errors import ServingError
from serving.settings import Settings, load_settings
from serving.settings.spelling import refuse_misspelt


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("WORKERS", "GRPC_PORT", "MODEL_SERVER_GRPC_PORT"):
        monkeypatch.delenv(name, raising=False)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def test_every_field_has_a_default_and_says_what_it_is_for() -> None:
    found = load_settings()

    assert found.workers == 1
    assert found.fast_path
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("MODEL_SERVER_WORKERS", "3", "workers", 3),
        ("WORKERS", "2", "workers", 2),
        ("MODEL_SERVER_ACCESS_LOG", "true", "access_log", True),
        ("MODEL_SERVER_FAST_PATH", "false", "fast_path", False),
        ("MODEL_SERVER_DRAIN_SECONDS", "0", "drain_seconds", 0),
        ("MODEL_SERVER_TIMEOUT_SECONDS", "0.5", "timeout_seconds", 0.5),
        ("MODEL_SERVER_MAX_QUEUE_ROWS", "10000", "max_queue_rows", 10_000),
        ("MODEL_SERVER_GRPC_PORT", "0", "grpc_port", 0),
        ("GRPC_PORT", "4001", "grpc_port", 4001),
        ("MODEL_SERVER_GRPC_HOST", "::1", "grpc_host", "::1"),
    ],
)
def test_the_environment_sets_a_field(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, field: str, expected: object
) -> None:
    monkeypatch.setenv(name, value)

    assert getattr(load_settings(), field) == expected


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"MODEL_SERVER_MAX_ROWS": "0"}, "MODEL_SERVER_MAX_ROWS: Input should be greater than 0"),
        ({"MODEL_SERVER_MAX_ROWS": "many"}, "MODEL_SERVER_MAX_ROWS: Input should be a valid int"),
        ({"MODEL_SERVER_TIMEOUT_SECONDS": "0"}, "MODEL_SERVER_TIMEOUT_SECONDS: "),
        ({"MODEL_SERVER_TIMEOUT_SECONDS": "1e-9"}, "TIMEOUT_SECONDS: Input should be greater than"),
        ({"MODEL_SERVER_MAX_BODY_BYTES": "1" + "0" * 30}, "MAX_BODY_BYTES: Input should be less"),
        ({"MODEL_SERVER_MAX_BODY_BYTES": "9" * 5_000}, "MAX_BODY_BYTES: Unable to parse input"),
        ({"MODEL_SERVER_DRAIN_SECONDS": "inf"}, "MODEL_SERVER_DRAIN_SECONDS: Input should be"),
        ({"MODEL_SERVER_DRAIN_SECONDS": "-1"}, "MODEL_SERVER_DRAIN_SECONDS: "),
        ({"MODEL_SERVER_FAST_PATH": "maybe"}, "MODEL_SERVER_FAST_PATH: "),
        ({"MODEL_SERVER_TIMEOUT_SECONDS": "inf"}, "MODEL_SERVER_TIMEOUT_SECONDS: Input should be"),
        ({"MODEL_SERVER_DRAIN_SECONDS": "nan"}, "MODEL_SERVER_DRAIN_SECONDS: Input should be a f"),
        ({"MODEL_SERVER_DRAIN_SECONDS": "1e9"}, "MODEL_SERVER_DRAIN_SECONDS: Input should be less"),
        ({"MODEL_SERVER_MAX_BODY_BYTES": "2147483648"}, "MAX_BODY_BYTES: Input should be less tha"),
        ({"MODEL_SERVER_MAX_QUEUE_ROWS": "1000000000"}, "MAX_QUEUE_ROWS: Input should be less tha"),
        ({"WORKERS": "10000"}, "WORKERS: Input should be less than or equal to 1024"),
        ({"MODEL_SERVER_PORT": "1"}, "MODEL_SERVER_PORT is unknown; known are MODEL_SERVER_"),
        (
            {"MODEL_SERVER_MAX_BODY": "1"},
            r"MAX_BODY is unknown; did you mean MODEL_SERVER_MAX_BODY_BYTES\?",
        ),
        (
            {"MODEL_SERVER_MODEL": "a"},
            r"MODEL_SERVER_MODEL is unknown; did you mean MODEL_SERVER_MODELS\?",
        ),
        (
            {"MODEL_SEVER_WORKERS": "2"},
            r"MODEL_SEVER_WORKERS is unknown; did you mean MODEL_SERVER_WORKERS\?",
        ),
        ({"GRPC_PORT": "65536"}, "GRPC_PORT: Input should be less than or equal to 65535"),
        ({"MODEL_SERVER_TLS_KEY": "/no/such"}, "MODEL_SERVER_TLS_KEY: Path does not point to a"),
        (
            {"MODEL_SERVER_TLS_CERTIFICATE": __file__},
            "MODEL_SERVER_TLS_CERTIFICATE and MODEL_SERVER_TLS_KEY go together",
        ),
        (
            {"MODEL_SERVER_TLS_CERTIFICATE": __file__, "MODEL_SERVER_TLS_KEY": __file__},
            "cannot be used: ",
        ),
        ({"WORKERS": "0"}, "WORKERS: Input should be greater than 0"),
        (
            {"MODEL_SERVER_MAX_ROWS": "11", "MODEL_SERVER_MAX_QUEUE_ROWS": "10"},
            r"MODEL_SERVER_MAX_QUEUE_ROWS \(10\) must not be less than MODEL_SERVER_MAX_ROWS \(11",
        ),
    ],
)
def test_what_is_not_allowed_is_named(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], complaint: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(BentoMLConfigException, match=complaint):
        load_settings()


NUMBERS = [
    name for name, field in Settings.model_fields.items() if field.annotation in (int, float)
]


@given(
    name=st.sampled_from(NUMBERS),
    value=st.one_of(
        st.integers().map(str),
        st.floats().map(str),
        st.integers(-400, 400).map(lambda power: f"1e{power}"),
        st.integers(1, 6_000).map(lambda digits: "9" * digits),
        st.text("0123456789+-_.eE infNA٣", max_size=12),
    ),
)
@settings(deadline=None)
def test_every_number_has_bounds_at_both_ends(name: str, value: str) -> None:
    load_settings.cache_clear()
    with mock.patch.dict(os.environ, {f"MODEL_SERVER_{name.upper()}": value}):
        try:
            found = load_settings()
        except BentoMLConfigException:
            return
    assert 0 <= getattr(found, name) < 2**40


def test_all_problems_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_SERVER_SPEED", "high")
    monkeypatch.setenv("MODEL_SERVER_MAX_ROWS", "0")

    with pytest.raises(BentoMLConfigException, match=r"SPEED is unknown; .*MAX_ROWS: Input"):
        load_settings()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load_settings().workers = 2  # type: ignore[misc]


VARIABLES = {"cats": "CATS_MODEL", "wild_dogs": "WILD_DOGS_MODEL"}


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("CAT_MODEL", "anything", "CATS_MODEL"),
        ("CATS_MODELS", "anything", "CATS_MODEL"),
        ("cats_model", "anything", "CATS_MODEL"),
        ("WILDDOGS_MODEL", "", "WILD_DOGS_MODEL"),
        ("ANIMAL_MODEL", "wild_dogs:v3", "WILD_DOGS_MODEL"),
        ("ANIMAL_MODEL", "cats", "CATS_MODEL"),
    ],
)
def test_a_misspelt_variable_of_a_model_is_refused_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, meant: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(BentoMLConfigException) as refusal:
        refuse_misspelt(VARIABLES)
    assert str(refusal.value) == f"{name} is unknown; did you mean {meant}?"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CATS_MODEL", "cats:v1"),
        ("MODEL_SERVER_MODELS", "cats"),
        ("OPENAI_MODEL", "gpt-4"),
        ("EMBEDDING_MODEL", "intfloat/e5:v1"),
        ("LANGCHAIN_MODEL", ""),
        ("CATS", "cats:v1"),
    ],
)
def test_other_variables_are_none_of_our_business(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    refuse_misspelt(VARIABLES)


def test_as_many_problems_are_told_as_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_SERVER_MAX_PROBLEMS", "3")

    error = ServingError.from_details([{"loc": ("rows", 0), "msg": "wrong", "type": "t"}] * 9)

    assert len(error.detail) == 3
    assert str(error).endswith("(and 8 more errors)")
