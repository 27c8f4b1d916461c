"""A promotion that a server is asked for, where the registry cannot run."""

import asyncio
import sys

import pytest

from serving.errors import Code, ServingError
from serving.open_inference.promotion import promote


def test_the_registrys_requirements_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # As where it is not installed.
    monkeypatch.setitem(sys.modules, "alembic", None)

    with pytest.raises(ServingError, match=r"requirements-monitoring\.txt") as refused:
        asyncio.run(promote("wine:v2", "test", 1.0))

    assert refused.value.code is Code.REFUSED
    assert "python -m registry promote wine:v2" in str(refused.value)
