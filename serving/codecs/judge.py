"""Pydantic's verdict on the rows of a request, at a price that what is wrong with it cannot raise.

Pydantic reads the whole of a request before it judges, and makes an object of each of its problems:
of 15 MB of them gigabytes, in seconds. So it is given some rows at a time until enough problems are
known, and of a row that is large without reason as much as it takes to refuse it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import pydantic
from pydantic_core import from_json

from serving.codecs.json_parts import (
    DuplicateError,
    Json,
    TooManyError,
    has_more_values,
    items,
    may_exceed,
    members,
    most_problems,
    require_unique,
)
from serving.codecs.outline import Outline, empty
from serving.codecs.problems import problem, too_many_keys, too_many_values, twice
from serving.codecs.request_rules import RequestRules
from serving.errors import Loc, Problem, ServingError, problems_of
from serving.settings import load_settings

Place = Callable[[Loc], Loc]
Slices = Iterable[tuple[int, Any]]
"""Some rows at a time, with the number of the first."""

# Pydantic is given rows of so many fields, or problems, and bytes at a time …
_FIELDS, _BYTES = 640, 16 * 1024
# … and so many keys beside the list of rows.
_MAX_OTHER_KEYS = 100
# Of a row that rules of the author's may look at, pydantic is given all: it makes of each value,
# of two bytes maybe, an object of a hundred.
_MAX_VALUES = 25_000


class _RefusedError(Exception):
    """A row is refused before pydantic has seen it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem


class _NotJsonError(Exception):
    """Pydantic does not take for JSON what msgspec does."""


class Judge:
    """Judges the requests of one API, as pydantic does.

    Args:
        declared: Type of a request: a list of rows, or a model of one such list.
        row_type: Type of a row.
        field: Name of the list of rows; `None` if the request is the list alone.
        max_rows: Most rows in one request, if its type allows for more.
    """

    def __init__(self, declared: Any, row_type: Any, field: str | None, max_rows: int) -> None:
        self._whole: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(declared)
        self._rows: pydantic.TypeAdapter[list[Any]] = pydantic.TypeAdapter(list[row_type])
        self._field = field
        self._at: Loc = () if field is None else (field,)
        self._outline = Outline.of(row_type)
        self._width = len(getattr(row_type, "model_fields", ())) or 10
        self._slice = max(1, _FIELDS // self._width)
        self._most_problems = _FIELDS
        self._rules = RequestRules.of(declared, row_type, field, max_rows)
        self._many = self._whole
        if self._rules.whole is not declared:
            self._many = pydantic.TypeAdapter(self._rules.whole)
        self._frame: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(self._rules.frame)

    @property
    def max_rows(self) -> int:
        """Most rows in one request."""
        return self._rules.most

    def of_json(self, content: bytes) -> Sequence[Any]:
        """Returns the rows of a request's JSON.

        Raises:
            ServingError: `invalid_input` or `payload_too_large`.
        """
        if self._is_small(content):
            return self._of_whole(content)
        if not self._rules.by_rows:
            self._require_few(content)
            return self._of_whole(content, self._many)
        try:
            return self._of_parts(Json(content))
        except (_NotJsonError, msgspec.DecodeError, UnicodeError) as error:
            reason = str(error)
        except RecursionError:
            reason = "nested too deeply"
        if len(content) <= _BYTES:
            return self._of_whole(content)
        raise ServingError.from_details([problem((), f"Invalid JSON: {reason}", "json_invalid")])

    def of_list(self, rows: Sequence[Any], place: Place = lambda loc: loc) -> Sequence[Any]:
        """Returns the rows that plain Python describes.

        Args:
            rows: The rows.
            place: Turns a place in a request of rows into one in the request that there is.

        Raises:
            ServingError: `invalid_input` or `payload_too_large`.
        """
        if len(rows) > self.max_rows:
            raise ServingError.too_many_rows(self.max_rows)
        if not self._rules.by_rows:
            return self._of_rows(rows, (), place)
        slices = ((at, rows[at : at + self._slice]) for at in range(0, len(rows), self._slice))
        return self._accepted(slices, self._rows.validator.validate_python, (), place)

    def _is_small(self, content: bytes) -> bool:
        """Whether pydantic may see the whole at once: it cannot have many problems."""
        few = most_problems(content, self._width) < self._most_problems
        return few and len(content) <= _BYTES

    def _require_few(self, content: bytes) -> None:
        """Refuses content in which more may be wrong than in the most rows."""
        values = self.max_rows * self._width + _MAX_OTHER_KEYS
        if may_exceed(content, self._width, 2 * values, values):
            raise ServingError.too_many_rows(self.max_rows)

    def _of_whole(
        self, content: bytes, by: "pydantic.TypeAdapter[Any] | None" = None
    ) -> Sequence[Any]:
        try:
            by = by or self._whole
            found = by.validator.validate_json(content)
            require_unique(content)
        except pydantic.ValidationError as error:
            raise self._refusal(error, complete=by is self._whole) from None
        except DuplicateError as error:
            raise ServingError.from_details([twice(error.loc)]) from None
        return self._listed(found)

    def _of_rows(self, rows: Sequence[Any], others: Iterable[str], place: Place) -> Sequence[Any]:
        """Returns the rows of a request of these, as plain Python or judged already."""
        content = self._content(rows, others)
        by = self._whole if len(rows) <= self._slice else self._many
        try:
            return self._listed(by.validator.validate_python(content))
        except pydantic.ValidationError as error:
            raise self._refusal(error, place, complete=by is self._whole) from None

    def _refusal(
        self, error: pydantic.ValidationError, place: Place = lambda loc: loc, *, complete: bool
    ) -> ServingError:
        """Makes the error; unless it is complete, other rows may be wrong, too, if one is."""
        details = problems_of(error)
        has_row = any(len(one["loc"]) > len(self._at) for one in details)
        placed = [{**one, "loc": place(one["loc"])} for one in details]
        return ServingError.from_details(placed, complete=complete or not has_row)

    def _listed(self, request: Any) -> Sequence[Any]:
        rows: Sequence[Any] = request if self._field is None else getattr(request, self._field)
        if len(rows) > self.max_rows:
            raise ServingError.too_many_rows(self.max_rows)
        return rows

    def _content(self, rows: Any, others: Iterable[str] = ()) -> Any:
        """Returns a request of these rows, and of other keys with values that do not matter."""
        return rows if self._field is None else {**dict.fromkeys(others, 0), self._field: rows}

    def _of_parts(self, json: Json) -> Sequence[Any]:
        rows, others = json.content.strip(), []
        if self._field is not None:
            if not rows.startswith(b"{"):
                return self._of_whole(empty(rows))
            top = _top(rows)
            rows = bytes(top.pop(self._field, b""))
            others = list(top)
            for other in top.values():
                _require_json(bytes(other))
        if not rows.startswith(b"["):
            content = (
                self._content(msgspec.Raw(empty(rows)), others)
                if rows
                else dict.fromkeys(others, 0)
            )
            return self._of_whole(msgspec.json.encode(content))
        try:
            listed = items(rows, self.max_rows)
        except TooManyError:
            raise ServingError.too_many_rows(self.max_rows) from None
        return self._accepted(
            self._slices(json, listed), self._rows.validator.validate_json, others
        )

    def _slices(self, json: Json, rows: Sequence[msgspec.Raw]) -> Slices:
        start, size = 0, 0
        taken: list[bytes] = []
        for at, raw in enumerate(rows):
            row = bytes(raw)
            if len(row) > _BYTES:
                row = self._cut(row, at)
            if taken and (len(taken) == self._slice or size + len(row) > _BYTES):
                yield start, json.original(b"[" + b",".join(taken) + b"]")
                start, taken, size = at, [], 0
            taken.append(row)
            size += len(row)
        if taken:
            yield start, json.original(b"[" + b",".join(taken) + b"]")

    def _cut(self, row: bytes, at: int) -> bytes:
        if not (self._outline and self._outline.is_plain) and has_more_values(row, _MAX_VALUES):
            raise _RefusedError(too_many_values((*self._at, at), _MAX_VALUES))
        if not self._outline:
            return row
        try:
            return self._outline.cut(row)
        except TooManyError:
            raise _RefusedError(too_many_keys((*self._at, at), self._outline.most_keys)) from None
        except DuplicateError as error:
            raise _RefusedError(twice((*self._at, at, *error.loc))) from None

    def _accepted(
        self,
        slices: Slices,
        validate: Callable[[Any], list[Any]],
        others: Sequence[str],
        place: Place = lambda loc: loc,
    ) -> Sequence[Any]:
        """Returns the rows of slices, all of which pydantic accepts.

        Raises:
            ServingError: It refuses some, or the request for something else.
            _NotJsonError: One is no JSON.
        """
        accepted: list[Any] = []
        problems: list[Problem] = []
        complete = True
        most = load_settings().max_problems
        try:
            for start, rows in slices:
                if len(problems) >= most:
                    complete = False
                    break
                try:
                    accepted += validate(rows)
                    if type(rows) is bytes:
                        require_unique(rows)
                except pydantic.ValidationError as error:
                    problems += self._located(error, start)
                except DuplicateError as error:
                    problems.append(twice(self._row(error.loc, start)))
        except _RefusedError as error:
            problems.append(error.problem)
            complete = False
        if self._rules.has_own and not problems:
            return self._of_rows(accepted, others, place)
        problems += self._beside(accepted, others, rows_are_right=not problems)
        if problems:
            details = [{**one, "loc": place(one["loc"])} for one in problems]
            raise ServingError.from_details(details, complete=complete)
        return accepted

    def _located(self, error: pydantic.ValidationError, start: int) -> list[Problem]:
        problems = problems_of(error)
        if problems[0]["type"] == "json_invalid":
            # Where in the slice it is would mislead.
            raise _NotJsonError(problems[0]["msg"].split(": ")[-1].split(" at line")[0])
        return [{**one, "loc": self._row(one["loc"], start)} for one in problems]

    def _row(self, loc: Loc, start: int) -> Loc:
        """Turns a place in a slice of rows into one in the request."""
        number, *rest = loc
        return (*self._at, start + int(number), *rest)

    def _beside(
        self, rows: list[Any], others: Sequence[str], *, rows_are_right: bool
    ) -> list[Problem]:
        """Returns the problems of a request that are not its rows': too few, and other keys."""
        too_few = rows_are_right and len(rows) < self._rules.fewest
        if not too_few and not others:
            return []
        content = self._content(rows if too_few else [], others)
        try:
            self._frame.validator.validate_python(content)
        except pydantic.ValidationError as error:
            return [one for one in problems_of(error) if too_few or one["loc"][:1] != self._at]
        return []


def _top(content: bytes) -> dict[str, msgspec.Raw]:
    """Returns the members of a request."""
    most = 1 + _MAX_OTHER_KEYS
    try:
        return members(content, most)
    except DuplicateError as error:
        raise ServingError.from_details([twice(error.loc)]) from None
    except TooManyError:
        raise ServingError.from_details([too_many_keys((), most)]) from None


def _require_json(content: bytes) -> None:
    """Makes sure that pydantic takes for JSON what it is not given; it is stricter than msgspec.

    Raises:
        _NotJsonError: It does not.
    """
    if len(content) <= _BYTES:
        try:
            from_json(content)
        except ValueError as error:
            raise _NotJsonError(str(error)) from None
