# mypy: ignore-errors
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GaugesRequest(_message.Message):
    __slots__ = ("gauges",)
    GAUGES_FIELD_NUMBER: _ClassVar[int]
    gauges: _containers.RepeatedCompositeFieldContainer[Gauge]
    def __init__(self, gauges: _Optional[_Iterable[_Union[Gauge, _Mapping]]] = ...) -> None: ...

class Gauge(_message.Message):
    __slots__ = ("level", "count", "flag", "grade", "step", "pressure", "note")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FLAG_FIELD_NUMBER: _ClassVar[int]
    GRADE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    PRESSURE_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    level: float
    count: int
    flag: bool
    grade: str
    step: int
    pressure: float
    note: str
    def __init__(self, level: _Optional[float] = ..., count: _Optional[int] = ..., flag: _Optional[bool] = ..., grade: _Optional[str] = ..., step: _Optional[int] = ..., pressure: _Optional[float] = ..., note: _Optional[str] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("predictions",)
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[Estimate]
    def __init__(self, predictions: _Optional[_Iterable[_Union[Estimate, _Mapping]]] = ...) -> None: ...

class Estimate(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: float
    def __init__(self, value: _Optional[float] = ...) -> None: ...
