"""Trees laid out as the tables that `kernel.c` reads; the types here are its types."""

import ctypes
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from framework.trees.forest import Forest, NumericalSplit, Split, Tree, UnfitForestError
from framework.trees.shape import OCTET, Looks, Shape

_OBJECTIVES = ("identity", "signed_square", "exponential", "sigmoid", "softmax", "softplus")
_VIEW = [
    *("column", "is_categorical", "first_cut", "cuts"),
    *("first_plane", "planes", "missing", "zero"),
]
_TABLES = {
    "view": np.dtype([(name, "i4") for name in _VIEW]),
    "cut": np.dtype("f8"),
    "tree": np.dtype([(name, "i4") for name in ("root", "depth", "leaf", "octets")]),
    "test": np.dtype([("plane", "u2"), ("code", "u1"), ("mask", "u1")]),
    "node": np.dtype(
        [("plane", "u2"), ("keep", "u1"), ("code", "u1"), ("next", "i2"), ("leaf", "u2")]
    ),
    "leaf": np.dtype("f8"),
}
# A number's code is a count of cuts, up to 255, and a test asks whether it is above 0 to 254: what
# is to go to the left at every test is 0, and to the right 255.
_CUTS = _RIGHT = 255
_LEFT = 0
# More would take more stack (64 bytes a plane, 512 an output) than a thread has to spare.
_MAX_PLANES, _MAX_OUTPUTS = 2_000, 512
# A block's rows have a byte for the position of their leaf.
_MAX_OCTETS = 32
# A row's step down a tree takes as long as one and a half tests of sixteen rows.
_TESTS_A_STEP = 1.5
_EVERY_ROW = 2**31 - 1


class Layout(ctypes.Structure):
    """The kernel's struct `Forest`.

    Args:
        forest: The trees.

    Attributes:
        features: Numbers of a row.
        outputs: Scores of a row.
        size: Bytes of all tables.

    Raises:
        UnfitForestError: They cannot be laid out.
    """

    features: int
    outputs: int
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("features", "views", "planes", "trees")),
        *((name, ctypes.c_int32) for name in ("outputs", "walked", "objective")),
        *((name, ctypes.c_double) for name in ("divisor", "sigmoid")),
        *((name, ctypes.c_void_p) for name in _TABLES),
    )

    def __init__(self, forest: Forest) -> None:
        tables = _Tables(forest)
        self._arrays = tables.arrays()
        self.size = sum(array.nbytes for array in self._arrays)
        super().__init__(
            forest.features,
            tables.views,
            tables.planes,
            len(forest.trees),
            forest.outputs,
            tables.walked,
            _OBJECTIVES.index(forest.objective),
            forest.divisor,
            forest.sigmoid,
            *(array.ctypes.data for array in self._arrays),
        )


class _View(NamedTuple):
    """How splits look at a column.

    Attributes:
        column: The column.
        is_categorical: Whether its values are categories.
        missing_left: See `NumericalSplit`.
        zero_left: The same.
    """

    column: int
    is_categorical: bool = True
    missing_left: bool | None = None
    zero_left: bool | None = None

    @classmethod
    def of(cls, split: Split) -> "_View":
        if isinstance(split, NumericalSplit):
            return cls(split.column, False, split.missing_left, split.zero_left)
        return cls(split.column)

    def codes(self, cuts: Sequence[float]) -> tuple[int, int]:
        """Returns the codes of what is missing and of zero; the latter negative if of no matter."""
        zero = _towards(self.zero_left, bisect_left(cuts, 0.0))
        return _towards(self.missing_left, zero), -1 if self.zero_left is None else zero


class _Tables:
    """The tables, and what is told of them."""

    def __init__(self, forest: Forest) -> None:
        if not 1 <= forest.outputs <= _MAX_OUTPUTS or len(forest.trees) % forest.outputs:
            raise UnfitForestError(f"{len(forest.trees)} trees give {forest.outputs} outputs")
        # In parts: objects of all trees at once would leave holes in the memory of a worker.
        self._parts: dict[str, list[NDArray[Any]]] = {name: [] for name in _TABLES}
        self.views = self.planes = 0
        self._cuts = 0
        # View and cut → plane and code.
        self._codes: dict[tuple[_View, float], tuple[int, int]] = {}
        self._add_views(forest)
        self._add_trees(forest.trees)

    def arrays(self) -> list[NDArray[Any]]:
        """Returns the tables, in their order."""
        empty = {name: np.empty(0, kind) for name, kind in _TABLES.items()}
        return [np.concatenate([empty[name], *parts]) for name, parts in self._parts.items()]

    def _add(self, table: str, entries: Sequence[Any]) -> int:
        self._parts[table].append(np.array(entries, _TABLES[table]))
        return len(entries)

    def _add_views(self, forest: Forest) -> None:
        cuts: dict[_View, set[float]] = {}
        for tree in forest.trees:
            for split in tree.splits:
                if not 0 <= split.column < forest.features:
                    raise UnfitForestError(f"a split looks at feature {split.column}")
                cuts.setdefault(_View.of(split), set()).update(_cuts(split))
        for view, found in cuts.items():
            ascending = sorted(found)
            some = len(ascending) if view.is_categorical else _CUTS
            for begin in range(0, len(ascending), some):
                self._add_view(view, ascending[begin : begin + some])
        if self.planes > _MAX_PLANES:
            raise UnfitForestError(f"the splits look at the features in {self.planes:,} ways")

    def _add_view(self, view: _View, cuts: Sequence[float]) -> None:
        planes = -(-len(cuts) // OCTET) if view.is_categorical else 1
        where = (self._cuts, len(cuts), self.planes, planes)
        self.views += self._add("view", [(*view[:2], *where, *view.codes(cuts))])
        for place, cut in enumerate(cuts):
            octet, bit = divmod(place, OCTET)
            code = (octet, 1 << bit) if view.is_categorical else (0, place)
            self._codes[view, cut] = (self.planes + code[0], code[1])
        self._cuts += self._add("cut", cuts)
        self.planes += planes

    def _add_trees(self, trees: Sequence[Tree]) -> None:
        in_blocks = all(len(tree.leaves) <= _MAX_OCTETS * OCTET for tree in trees)
        nodes = leaves = tests = steps = 0
        for tree in trees:
            shape = Shape(tree, [self._looks(split) for split in tree.splits])
            self._add("tree", [(nodes, shape.steps, leaves, shape.octets)])
            nodes += self._add("node", shape.nodes())
            leaves += self._add("leaf", shape.leaves())
            tests += self._add("test", shape.tests() if in_blocks else [])
            steps += shape.steps
        self.walked = 1 + int(_TESTS_A_STEP * tests / max(steps, 1)) if in_blocks else _EVERY_ROW

    def _looks(self, split: Split) -> Looks:
        view = _View.of(split)
        codes: dict[int, int] = {}
        for cut in _cuts(split):
            plane, code = self._codes[view, cut]
            codes[plane] = codes.get(plane, 0) | code
        return Looks(view.is_categorical, list(codes.items()))


def _towards(left: bool | None, otherwise: int) -> int:
    return otherwise if left is None else _LEFT if left else _RIGHT


def _cuts(split: Split) -> Sequence[float]:
    if isinstance(split, NumericalSplit):
        return (split.threshold,)
    if not split.categories:
        raise UnfitForestError("a split sends no category to the left")
    return split.categories
