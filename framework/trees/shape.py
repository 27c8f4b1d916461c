"""One tree as the kernel's tests of blocks, and as its nodes for single rows."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from framework.trees.forest import Tree, UnfitForestError

OCTET = 8
_MAX_NODES = 2**15
_MAX_BYTE = 255


class Looks(NamedTuple):
    """The looks at planes that decide a split.

    Attributes:
        is_categorical: Whether each asks for a bit, any of which means left; else there is one,
            and a byte above its code means right.
        codes: Plane and code of each.
    """

    is_categorical: bool
    codes: list[tuple[int, int]]


class Shape:
    """A tree whose leaves have positions, from left to right.

    Args:
        tree: The tree.
        looks: What decides each of its splits.

    Attributes:
        steps: Looks on the way to the deepest leaf.
        octets: Leaves divided by eight.

    Raises:
        UnfitForestError: It is none, or too large.
    """

    def __init__(self, tree: Tree, looks: Sequence[Looks]) -> None:
        if not len(looks) == len(tree.left) == len(tree.right) == len(tree.leaves) - 1:
            raise UnfitForestError("a tree has too many or too few branches")
        self._tree = tree
        self._looks = looks
        self.octets = -(-len(tree.leaves) // OCTET)
        self._positions = [-1] * len(tree.leaves)
        # Of each split: leaves below it, those to its left, the first one's position.
        self._below = [0] * len(tree.splits)
        self._left_leaves = [0] * len(tree.splits)
        self._first = [0] * len(tree.splits)
        self.steps = self._measure()
        self._place_leaves()

    def _measure(self) -> int:
        steps = [0] * len(self._looks)
        for at in reversed(range(len(self._looks))):
            left, right = self._tree.left[at], self._tree.right[at]
            for child in (left, right):
                if not (at < child < len(steps) or -len(self._positions) <= child < 0):
                    raise UnfitForestError("a branch leads to no split further on, and no leaf")
            self._left_leaves[at] = 1 if left < 0 else self._below[left]
            self._below[at] = self._left_leaves[at] + (1 if right < 0 else self._below[right])
            deeper = max(0 if child < 0 else steps[child] for child in (left, right))
            steps[at] = len(self._looks[at].codes) + deeper
        return steps[0] if steps else 0

    def _place_leaves(self) -> None:
        if not self._looks:
            self._positions[0] = 0
        for at, begin in enumerate(self._first):
            middle = begin + self._left_leaves[at]
            for child, first in ((self._tree.left[at], begin), (self._tree.right[at], middle)):
                if child >= 0:
                    self._first[child] = first
                else:
                    self._positions[~child] = first
        if sorted(self._positions) != list(range(len(self._positions))):
            raise UnfitForestError("a leaf is on no branch, or on two")

    def leaves(self) -> list[float]:
        """Returns the values of the leaves by their positions, filled up to eights."""
        values = [0.0] * (OCTET * self.octets)
        for position, value in zip(self._positions, self._tree.leaves, strict=True):
            values[position] = value
        return values

    def tests(self) -> list[tuple[int, int, int]]:
        """Returns the tests of every eight leaves, after their number: plane, code, mask."""
        tests = []
        numerical: list[list[tuple[int, int, int]]] = [[] for _ in range(self.octets)]
        categorical: list[list[tuple[int, int, int]]] = [[] for _ in range(self.octets)]
        for looks, begin, leaves in zip(self._looks, self._first, self._left_leaves, strict=True):
            *others, (plane, code) = looks.codes
            kind = categorical if looks.is_categorical else numerical
            for octet in range(begin // OCTET, (begin + leaves - 1) // OCTET + 1):
                low = max(begin - OCTET * octet, 0)
                high = min(begin + leaves - OCTET * octet, OCTET)
                kind[octet] += [(before, some, 0) for before, some in others]
                kind[octet].append((plane, code, (1 << high) - (1 << low)))
        for numbers, categories in zip(numerical, categorical, strict=True):
            high, low = divmod(len(categories), 256)
            if high > _MAX_BYTE:
                raise UnfitForestError(f"a tree takes {len(categories):,} looks at categories")
            tests += [(len(numbers), low, high), *numbers, *categories]
        return tests

    def nodes(self) -> list[tuple[int, int, int, int, int]]:
        """Returns the nodes: plane, keep, code, next, leaf.

        A split of categories in several planes is one node for each: if it is none of the first
        ones', the next one is asked. All of them lead to the same nodes on the left.
        """
        nodes: list[tuple[int, int, int, int, int]] = []
        children: dict[tuple[int, int], int] = {}
        waiting, begun = deque([(0 if self._looks else ~0, 0)]), 1
        while waiting:
            child, look = waiting.popleft()
            if child < 0:
                nodes.append((0, 0, _MAX_BYTE, 0, self._positions[~child]))
                continue
            looks, left, right = self._looks[child], self._tree.left[child], self._tree.right[child]
            if (child, look) not in children:
                children[child, look] = begun
                begun += 2
                otherwise = (child, look + 1) if look + 1 < len(looks.codes) else (right, 0)
                pair = [otherwise, (left, 0)] if looks.is_categorical else [(left, 0), otherwise]
                waiting.extend(pair)
            plane, code = looks.codes[look]
            keep, bound = (code, 0) if looks.is_categorical else (_MAX_BYTE, code)
            nodes.append((plane, keep, bound, children[child, look] - len(nodes), 0))
        if len(nodes) >= _MAX_NODES:
            raise UnfitForestError(f"a tree has {len(nodes):,} nodes")
        return nodes
