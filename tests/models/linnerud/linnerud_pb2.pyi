# mypy: ignore-errors
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MenRequest(_message.Message):
    __slots__ = ("men",)
    MEN_FIELD_NUMBER: _ClassVar[int]
    men: _containers.RepeatedCompositeFieldContainer[Exercise]
    def __init__(self, men: _Optional[_Iterable[_Union[Exercise, _Mapping]]] = ...) -> None: ...

class Exercise(_message.Message):
    __slots__ = ("chins", "situps", "jumps")
    CHINS_FIELD_NUMBER: _ClassVar[int]
    SITUPS_FIELD_NUMBER: _ClassVar[int]
    JUMPS_FIELD_NUMBER: _ClassVar[int]
    chins: int
    situps: int
    jumps: int
    def __init__(self, chins: _Optional[int] = ..., situps: _Optional[int] = ..., jumps: _Optional[int] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("predictions",)
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[Physique]
    def __init__(self, predictions: _Optional[_Iterable[_Union[Physique, _Mapping]]] = ...) -> None: ...

class Physique(_message.Message):
    __slots__ = ("physique",)
    PHYSIQUE_FIELD_NUMBER: _ClassVar[int]
    physique: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, physique: _Optional[_Iterable[float]] = ...) -> None: ...
