"""What every surface promises, tested alike on each."""

from typing import Any

import numpy as np
import pytest

from models.topics.tests.cases import REFUSED, TEXTS
from tests.contract.cases import Refused
from tests.contract.surfaces import RefusedError, Surface

TOLERANCE = 1e-9


def test_topics_equal_the_frameworks_own_prediction(surface: Surface, pipeline: Any) -> None:
    answers = surface.call("predict_topics", TEXTS)

    expected = pipeline.predict_proba([record["text"] for record in TEXTS])
    for answer, row in zip(answers, expected, strict=True):
        assert list(answer["probabilities"]) == list(pipeline.classes_)
        np.testing.assert_allclose(list(answer["probabilities"].values()), row, atol=TOLERANCE)
        assert answer["topic"] == pipeline.classes_[row.argmax()]
        assert answer["probability"] == answer["probabilities"][answer["topic"]]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_invalid_input_is_refused_with_its_place(surface: Surface, case: Refused) -> None:
    with pytest.raises(RefusedError) as refused:
        surface.call(case.api, case.records)

    assert refused.value.code == "invalid_input"
    assert tuple(refused.value.detail[0].loc) == case.loc
    assert str(refused.value).startswith(".".join(str(part) for part in case.loc) + ": ")
