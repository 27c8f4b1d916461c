"""In which order a request's own rules and those of its rows may be judged."""

import copy
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Self

import annotated_types
from pydantic import AfterValidator, BaseModel, FailFast, create_model

from framework import FieldError
from serving.codecs.struct_types import HARMLESS, require_plain, row_limits

_AFTER = (AfterValidator, annotated_types.MinLen, annotated_types.MaxLen)


@dataclass(frozen=True)
class RequestRules:
    """What the type of a request says beside its rows.

    Attributes:
        by_rows: Whether rows may be judged by themselves, some at a time. If not, the request may
            look at them, or change them, before that.
        has_own: Whether the request has rules of its own, which are to be judged after the rows.
        fewest: Fewest rows, where these are all its rules.
        most: Most rows.
        frame: The request's type, less what it has to say of rows that have been judged.
        whole: The request's type, for requests of many rows that are judged at once: of these it
            tells the problems of the first wrong one alone.
    """

    by_rows: bool
    has_own: bool
    fewest: int
    most: int
    frame: Any
    whole: Any

    @classmethod
    def of(cls, declared: Any, row_type: Any, field: str | None, most: int) -> Self:
        """Reads the rules of a request's type.

        Args:
            declared: Type of a request: a list of rows, or a model of one such list.
            row_type: Type of a row.
            field: Name of the list of rows; `None` if the request is the list alone.
            most: Most rows, if the type allows for more.
        """
        if field is None:
            return cls(True, False, fewest=0, most=most, frame=declared, whole=declared)
        # A function may make the list shorter for the rules that follow.
        early = takewhile(
            lambda rule: not isinstance(rule, AfterValidator), declared.model_fields[field].metadata
        )
        lengths = [rule.max_length for rule in early if isinstance(rule, annotated_types.MaxLen)]
        try:
            require_plain(declared)
            limits = row_limits(declared, field)
        except FieldError:
            if not (_comes_after(declared, field) and _stays_as_it_is(row_type)):
                whole = _failing_fast(declared, field)
                return cls(False, True, fewest=0, most=most, frame=declared, whole=whole)
            fields: dict[str, Any] = {field: (list[row_type], ...)}
            frame = create_model("Frame", __config__=declared.model_config, **fields)
            most = min([most, *lengths])
            return cls(True, True, fewest=0, most=most, frame=frame, whole=declared)
        fewest, most = limits.get("min_length", 0), min([most, *lengths])
        return cls(True, False, fewest=fewest, most=most, frame=declared, whole=declared)


def _failing_fast(declared: type[BaseModel], field: str) -> type[BaseModel]:
    """Returns a request's type that stops at the first row that is wrong.

    Pydantic holds Python's lock for all of a request: for 10,000 rows of which each is wrong, six
    times as long as for as many that are right.
    """
    info = copy.copy(declared.model_fields[field])
    info.metadata = [FailFast(), *info.metadata]
    fields: dict[str, Any] = {field: (info.annotation, info)}
    return create_model(declared.__name__, __base__=declared, **fields)


def _comes_after(request: type[BaseModel], field: str) -> bool:
    """Whether all rules of a request are about rows that have been judged."""
    info, config = request.model_fields[field], request.model_config
    decorators = request.__pydantic_decorators__
    return (
        all(one.info.mode == "after" for one in decorators.field_validators.values())
        and all(one.info.mode == "after" for one in decorators.model_validators.values())
        and all(isinstance(rule, _AFTER) for rule in info.metadata)
        and not decorators.validators
        and not decorators.root_validators
        and "__get_pydantic_core_schema__" not in vars(request)
        and config.keys() <= HARMLESS
        and config.get("extra") != "allow"
        and not info.validation_alias
        and info.is_required()
    )


def _stays_as_it_is(row_type: Any) -> bool:
    """Whether a row that was judged is taken as it is, when it is judged once more."""
    return (
        isinstance(row_type, type)
        and issubclass(row_type, BaseModel)
        and not row_type.__pydantic_decorators__.model_validators
        and not row_type.__pydantic_decorators__.root_validators
        and "__get_pydantic_core_schema__" not in vars(row_type)
        and "revalidate_instances" not in row_type.model_config
    )
