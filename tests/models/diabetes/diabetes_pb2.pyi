# mypy: ignore-errors
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PatientsRequest(_message.Message):
    __slots__ = ("patients",)
    PATIENTS_FIELD_NUMBER: _ClassVar[int]
    patients: _containers.RepeatedCompositeFieldContainer[Patient]
    def __init__(self, patients: _Optional[_Iterable[_Union[Patient, _Mapping]]] = ...) -> None: ...

class Patient(_message.Message):
    __slots__ = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
    AGE_FIELD_NUMBER: _ClassVar[int]
    SEX_FIELD_NUMBER: _ClassVar[int]
    BMI_FIELD_NUMBER: _ClassVar[int]
    BP_FIELD_NUMBER: _ClassVar[int]
    S1_FIELD_NUMBER: _ClassVar[int]
    S2_FIELD_NUMBER: _ClassVar[int]
    S3_FIELD_NUMBER: _ClassVar[int]
    S4_FIELD_NUMBER: _ClassVar[int]
    S5_FIELD_NUMBER: _ClassVar[int]
    S6_FIELD_NUMBER: _ClassVar[int]
    age: int
    sex: str
    bmi: float
    bp: float
    s1: float
    s2: float
    s3: float
    s4: float
    s5: float
    s6: float
    def __init__(self, age: _Optional[int] = ..., sex: _Optional[str] = ..., bmi: _Optional[float] = ..., bp: _Optional[float] = ..., s1: _Optional[float] = ..., s2: _Optional[float] = ..., s3: _Optional[float] = ..., s4: _Optional[float] = ..., s5: _Optional[float] = ..., s6: _Optional[float] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("predictions",)
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[Progression]
    def __init__(self, predictions: _Optional[_Iterable[_Union[Progression, _Mapping]]] = ...) -> None: ...

class Progression(_message.Message):
    __slots__ = ("progression",)
    PROGRESSION_FIELD_NUMBER: _ClassVar[int]
    progression: float
    def __init__(self, progression: _Optional[float] = ...) -> None: ...
