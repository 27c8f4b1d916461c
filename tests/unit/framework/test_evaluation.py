"""Metrics and thresholds, against values worked out by hand."""

import json
import math

import numpy as np
import pytest

from framework.evaluation.binary import BinaryEvaluation, best_threshold
from framework.evaluation.multi_output import MultiOutputEvaluation
from framework.evaluation.multiclass import MulticlassEvaluation
from framework.evaluation.regression import RegressionEvaluation


def binary(labels: list[int], yes: list[float], **slices: list[bool]) -> BinaryEvaluation:
    parts = {f"group={name}": np.array(rows) for name, rows in slices.items()}
    return BinaryEvaluation(parts, ("no", "yes"), np.array(labels), np.array(yes), 0.5)


def regression(truth: list[float], predicted: list[float]) -> RegressionEvaluation:
    return RegressionEvaluation({}, "price", np.array(truth), np.array(predicted), 2.0, "euro")


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
    evaluation = MulticlassEvaluation(
        {}, ("a", "b", "c"), np.array([0, 0, 0, 1, 2]), np.eye(3)[[0, 0, 1, 1, 2]]
    )
    performance = evaluation.performance()
    f1 = [0.8, 2 / 3, 1]
    assert [performance[name]["f1"] for name in "abc"] == pytest.approx(f1)
    assert performance["overall"]["f1"] == pytest.approx((3 * f1[0] + f1[1] + f1[2]) / 5)
    assert performance["overall"]["macro_f1"] == pytest.approx(sum(f1) / 3)
    # One against the rest: 5/6 for a, 7/8 for b, and no mistake about c.
    assert performance["overall"]["roc_auc"] == pytest.approx((5 / 6 + 7 / 8 + 1) / 3)
    chosen = evaluation.varied_rows()
    assert set(chosen) <= set(range(5))
    assert {int(evaluation.predicted[row]) for row in chosen} == {0, 1, 2}


def test_each_of_many_classes_has_a_golden_row() -> None:
    evaluation = MulticlassEvaluation(
        {}, tuple(map(str, range(20))), np.arange(20).repeat(3), np.eye(20).repeat(3, axis=0)
    )
    rows = evaluation.varied_rows()
    assert {int(evaluation.predicted[row]) for row in rows} == set(range(20))


def test_metrics_of_a_number() -> None:
    # Errors: 1, 0, -1, 3; the mean of what is true is 2.5, that of the training rows 2.
    overall = regression([1, 2, 3, 4], [2, 2, 2, 7]).performance()["overall"]
    assert overall == pytest.approx(
        {
            "rows": 4,
            "r2": 1 - 11 / 5,
            "rmse": math.sqrt(11 / 4),
            "mae": 5 / 4,
            "median_ae": 1,
            "baseline_rmse": math.sqrt((1 + 0 + 1 + 4) / 4),
        }
    )


def test_one_row_has_no_r2() -> None:
    overall = regression([1], [2]).performance()["overall"]
    assert "r2" not in overall
    json.dumps(overall, allow_nan=False)


def test_golden_rows_of_a_number_span_the_answers() -> None:
    predicted = np.random.default_rng(0).permutation(100).astype(float)
    chosen = regression([0.0] * 100, predicted.tolist()).varied_rows()
    assert len(chosen) == 8
    answers = predicted[chosen]
    assert (answers[0], answers[-1]) == (0, 99)
    assert (np.diff(answers) > 10).all()


def test_several_outputs_are_measured_one_by_one_and_averaged() -> None:
    truth = np.array([[1.0, 10.0], [3.0, 30.0]])
    predicted = np.array([[1.0, 20.0], [3.0, 20.0]])
    evaluation = MultiOutputEvaluation(
        {}, ("a", "b"), truth, predicted, truth.mean(axis=0), {"b": "cm"}
    )
    performance = evaluation.performance()
    assert performance["a"]["r2"] == 1
    assert performance["a"]["rmse"] == 0
    assert performance["b"]["r2"] == 0
    assert performance["b"]["rmse"] == performance["b"]["baseline_rmse"] == 10
    assert performance["overall"]["r2"] == 0.5
    assert performance["overall"]["rmse"] == 5
    assert evaluation.varied_rows() == [0, 1]


def test_the_mean_loss_is_the_metric_of_that_name() -> None:
    two = binary([1, 0, 0], [0.9, 0.2, 0.1])
    three = MulticlassEvaluation({}, ("a", "b", "c"), np.array([0, 2]), np.eye(3)[[0, 1]])
    number = regression([1.0, 3.0], [2.0, 5.0])
    assert two.losses == pytest.approx([0.01, 0.04, 0.01])
    assert two.losses.mean() == two.performance()["overall"]["brier"]
    assert three.losses.tolist() == [0, 2]
    assert number.losses.tolist() == [1, 4]
    assert number.losses.mean() == pytest.approx(number.performance()["overall"]["rmse"] ** 2)


def test_targets_count_alike_whatever_their_units() -> None:
    truth = np.array([[1.0, 1000.0, 7.0], [3.0, 3000.0, 7.0]])
    several = MultiOutputEvaluation(
        {}, ("m", "mm", "same"), truth, truth + np.array([1, 1000, 0]), truth.mean(axis=0)
    )
    assert several.losses == pytest.approx([2 / 3, 2 / 3])


def test_the_threshold_with_the_best_f1_nearest_to_the_middle_is_chosen() -> None:
    labels = np.array([True, True, False, False])
    assert best_threshold(labels, np.array([0.9, 0.8, 0.3, 0.1])) == 0.5
    assert best_threshold(labels, np.array([0.35, 0.31, 0.2, 0.1])) == 0.31
    assert best_threshold(labels, np.array([0.9, 0.85, 0.805, 0.1])) == 0.81
