"""The plots of a report, as SVG images that carry everything they need."""

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from framework.evaluation.base import Flags
from framework.evaluation.classification import OneAgainstRest
from framework.fitting import Ranking

INK, MUTED, LINE, ACCENT = "#1f2937", "#6b7280", "#e5e7eb", "#2563eb"
COLORS = [ACCENT, "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f"]
STYLE: Any = {
    "font.size": 9,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 8,
    # Fixed ids: the same model gives the same picture.
    "svg.hashsalt": "report",
}
BINS = 10
# Features of a ranking that are shown, and dots of a cloud: more would be a smear.
MOST_FEATURES = 15
MOST_DOTS = 2_000

Values = NDArray[np.float64]


def roc(curves: OneAgainstRest) -> str:
    """Draws the ROC curve, one per class that is told apart."""

    def draw(axes: Axes) -> None:
        for position, (name, truth, scores) in enumerate(curves):
            x, y, _ = roc_curve(truth, scores)
            label = f"{name}  {roc_auc_score(truth, scores):.3f}"
            axes.plot(x, y, color=COLORS[position % len(COLORS)], linewidth=1.6, label=label)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
        _unit_square(axes, "False positive rate", "True positive rate")
        if curves:
            axes.legend(loc="lower right", title="area under curve", title_fontsize=8)

    return image(draw)


def precision_recall(curves: OneAgainstRest) -> str:
    """Draws precision against recall, one curve per class that is told apart."""

    def draw(axes: Axes) -> None:
        for position, (name, truth, scores) in enumerate(curves):
            precision, recall, _ = precision_recall_curve(truth, scores)
            label = f"{name}  {average_precision_score(truth, scores):.3f}"
            color = COLORS[position % len(COLORS)]
            axes.step(recall, precision, where="post", color=color, linewidth=1.6, label=label)
        _unit_square(axes, "Recall", "Precision")
        if curves:
            axes.legend(loc="lower left", title="average precision", title_fontsize=8)

    return image(draw)


def calibration(sure: Values, right: Flags, x_label: str, y_label: str) -> str:
    """Draws how often the model is right against how sure it is."""

    def draw(axes: Axes) -> None:
        bins = np.minimum((sure * BINS).astype(int), BINS - 1)
        filled = np.unique(bins)
        x = [sure[bins == index].mean() for index in filled]
        y = [right[bins == index].mean() for index in filled]
        share = np.array([(bins == index).mean() for index in filled])
        axes.bar((filled + 0.5) / BINS, share, width=0.9 / BINS, color=LINE, label="share of rows")
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":", label="ideal")
        axes.plot(x, y, color=ACCENT, linewidth=1.6, marker="o", markersize=4, label="model")
        _unit_square(axes, x_label, y_label)
        axes.legend(loc="best")

    return image(draw)


def confusion(classes: Sequence[str], labels: NDArray[np.intp], predicted: NDArray[np.intp]) -> str:
    """Draws which class is taken for which."""
    size = len(classes)
    counts = np.zeros((size, size), dtype=int)
    np.add.at(counts, (labels, predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def draw(axes: Axes) -> None:
        colors = LinearSegmentedColormap.from_list("report", ["#f8fafc", ACCENT])
        axes.imshow(shares, cmap=colors, vmin=0, vmax=1, aspect="auto")
        for row in range(size):
            for column in range(size):
                color = "white" if shares[row, column] > 0.5 else INK
                text = f"{counts[row, column]:,}"
                axes.text(column, row, text, ha="center", va="center", color=color)
        rotation = 30 if size > 2 else 0
        axes.set_xticks(
            range(size), classes, rotation=rotation, ha="right" if rotation else "center"
        )
        axes.set_yticks(range(size), classes)
        axes.set(xlabel="Predicted", ylabel="True")
        axes.grid(False)
        axes.tick_params(length=0)

    return image(draw)


def agreement(truth: Values, predicted: Values, unit: str) -> str:
    """Draws predicted against true values; on the line they are the same."""

    def draw(axes: Axes) -> None:
        _cloud(axes, truth, predicted)
        ends = [min(truth.min(), predicted.min()), max(truth.max(), predicted.max())]
        axes.plot(ends, ends, color=MUTED, linewidth=0.8, linestyle=":", label="ideal")
        axes.set(xlabel=f"True value{unit}", ylabel=f"Predicted value{unit}")
        axes.legend(loc="upper left")

    return image(draw)


def residuals(truth: Values, predicted: Values, unit: str) -> str:
    """Draws the errors against the predicted values: a pattern is something not yet learnt."""

    def draw(axes: Axes) -> None:
        _cloud(axes, predicted, predicted - truth)
        axes.axhline(0, color=MUTED, linewidth=0.8, linestyle=":")
        axes.set(xlabel=f"Predicted value{unit}", ylabel=f"Predicted minus true{unit}")

    return image(draw)


def errors(truth: Values, predicted: Values, unit: str) -> str:
    """Draws how often the errors are how large."""

    def draw(axes: Axes) -> None:
        axes.hist(predicted - truth, bins="auto", color=ACCENT, rwidth=0.92)
        axes.axvline(0, color=MUTED, linewidth=0.8, linestyle=":")
        axes.set(xlabel=f"Predicted minus true{unit}", ylabel="Rows")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))

    return image(draw)


def ranking(items: Ranking, *, compact: bool) -> str:
    """Draws features with their weights, the largest on top."""
    # What adds up to one are shares.
    shares = abs(sum(value for _, value in items) - 1) < 1e-6
    items = items[:MOST_FEATURES]

    def draw(axes: Axes) -> None:
        names, values = zip(*items[::-1], strict=True)
        axes.barh(names, values, color=ACCENT, height=0.62)
        limit = max(*values, 1e-9)
        for position, value in enumerate(values):
            text = f"{value:.1%}" if shares else f"{value:.3g}"
            axes.text(value + limit * 0.015, position, text, va="center", color=MUTED, fontsize=8)
        axes.set_xlim(0, limit * 1.15)
        axes.grid(False)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0, labelcolor=INK)

    height = 0.3 + (0.23 if compact else 0.3) * len(items)
    return image(draw, size=(3.6 if compact else 7.6, height))


def shares(reference: Sequence[int], window: Sequence[int], labels: Sequence[str]) -> str:
    """Draws the shares of two samples in each bin, side by side."""
    at = np.arange(len(labels))
    pairs = [(reference, MUTED, "held-out rows", -0.2), (window, ACCENT, "these rows", 0.2)]

    def draw(axes: Axes) -> None:
        for counts, color, name, offset in pairs:
            part = np.array(counts) / max(sum(counts), 1)
            axes.barh(at + offset, part, height=0.38, color=color, label=name)
        axes.set_yticks(at, labels)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)

    return image(draw, size=(4.6, 1 + 0.24 * len(labels)))


def intervals(parts: Sequence[tuple[str, float, float, float, float]], name: str) -> str:
    """Draws values with their intervals, and what each should be.

    Args:
        parts: What it is of; the value, the ends of its interval, and what it should be.
        name: Name of the values.
    """

    def draw(axes: Axes) -> None:
        at = np.arange(len(parts))
        names, values, lows, highs, wanted = zip(*parts, strict=True)
        reach = [np.subtract(values, lows), np.subtract(highs, values)]
        axes.errorbar(values, at, xerr=reach, fmt="o", color=ACCENT, markersize=4, label="live")
        axes.plot(wanted, at, "|", color=INK, markersize=11, markeredgewidth=1.6, label="card")
        axes.set_yticks(at, names)
        axes.invert_yaxis()
        axes.set_xlabel(name)
        axes.legend(loc="best")

    return image(draw, size=(4.6, 1 + 0.26 * len(parts)))


def image(draw: Callable[[Axes], None], size: tuple[float, float] = (4.6, 3.6)) -> str:
    """Returns a drawing as a data URI; an image of its own cannot clash with others' ids."""
    with rc_context(STYLE):
        # Without pyplot there is no global state, and no window system to look for.
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()


def _cloud(axes: Axes, x: Values, y: Values) -> None:
    """Draws a dot for each row, or for evenly chosen ones of very many."""
    step = -(-len(x) // MOST_DOTS)
    alpha = 0.8 if len(x) < 200 else 0.4
    axes.scatter(x[::step], y[::step], s=12, color=ACCENT, alpha=alpha, linewidths=0)


def _unit_square(axes: Axes, x: str, y: str) -> None:
    axes.set(xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
