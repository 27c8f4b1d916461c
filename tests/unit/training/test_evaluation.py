"""Metrics and thresholds, against values worked out by hand."""

import json
import math

import numpy as np
import pytest

from training.evaluation import Evaluation, best_threshold


def binary(labels: list[int], leaves: list[float], **slices: list[bool]) -> Evaluation:
    yes = np.array(leaves)
    return Evaluation(
        classes=["stays", "leaves"],
        labels=np.array(labels),
        probabilities=np.column_stack([1 - yes, yes]),
        predicted=(yes >= 0.5).astype(int),
        positive=1,
        slices={f"group={name}": np.array(rows) for name, rows in slices.items()},
    )


def test_overall_metrics_of_two_classes() -> None:
    overall = binary([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1]).performance()["overall"]
    assert overall == pytest.approx(
        {
            "rows": 4,
            "accuracy": 0.5,
            "precision": 0.5,
            "recall": 0.5,
            "f1": 0.5,
            "log_loss": -(2 * math.log(0.9) + 2 * math.log(0.4)) / 4,
            "brier": (0.1**2 + 0.6**2 + 0.6**2 + 0.1**2) / 4,
            "roc_auc": 0.75,
        }
    )


def test_a_slice_without_one_class_has_no_area_and_an_empty_one_is_left_out() -> None:
    performance = binary(
        [1, 0, 0], [0.9, 0.2, 0.1], a=[False, True, True], b=[False] * 3
    ).performance()
    assert "group=b" not in performance
    assert "roc_auc" not in performance["group=a"]
    assert performance["group=a"]["rows"] == 2
    json.dumps(performance, allow_nan=False)


def test_several_classes_are_averaged_by_their_size() -> None:
    evaluation = Evaluation(
        classes=["a", "b", "c"],
        labels=np.array([0, 0, 0, 1, 2]),
        probabilities=np.eye(3)[[0, 0, 1, 1, 2]],
        predicted=np.array([0, 0, 1, 1, 2]),
    )
    performance = evaluation.performance()
    f1 = [0.8, 2 / 3, 1]
    assert [performance[name]["f1"] for name in "abc"] == pytest.approx(f1)
    assert performance["overall"]["f1"] == pytest.approx((3 * f1[0] + f1[1] + f1[2]) / 5)
    assert performance["overall"]["macro_f1"] == pytest.approx(sum(f1) / 3)
    assert set(evaluation.varied_rows()) <= set(range(5))
    assert {int(evaluation.predicted[row]) for row in evaluation.varied_rows()} == {0, 1, 2}


def test_the_threshold_with_the_best_f1_nearest_to_the_middle_is_chosen() -> None:
    labels = np.array([True, True, False, False])
    assert best_threshold(labels, np.array([0.9, 0.8, 0.3, 0.1])) == 0.5
    assert best_threshold(labels, np.array([0.35, 0.31, 0.2, 0.1])) == 0.31
    assert best_threshold(labels, np.array([0.9, 0.85, 0.805, 0.1])) == 0.81
