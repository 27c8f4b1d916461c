# mypy: ignore-errors
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImagesRequest(_message.Message):
    __slots__ = ("images",)
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[Nuclei]
    def __init__(self, images: _Optional[_Iterable[_Union[Nuclei, _Mapping]]] = ...) -> None: ...

class Nuclei(_message.Message):
    __slots__ = ("mean", "error", "worst")
    MEAN_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    WORST_FIELD_NUMBER: _ClassVar[int]
    mean: _containers.RepeatedScalarFieldContainer[float]
    error: _containers.RepeatedScalarFieldContainer[float]
    worst: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, mean: _Optional[_Iterable[float]] = ..., error: _Optional[_Iterable[float]] = ..., worst: _Optional[_Iterable[float]] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("predictions",)
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[Diagnosis]
    def __init__(self, predictions: _Optional[_Iterable[_Union[Diagnosis, _Mapping]]] = ...) -> None: ...

class Diagnosis(_message.Message):
    __slots__ = ("probability", "malignant")
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    MALIGNANT_FIELD_NUMBER: _ClassVar[int]
    probability: float
    malignant: bool
    def __init__(self, probability: _Optional[float] = ..., malignant: _Optional[bool] = ...) -> None: ...
