# mypy: ignore-errors
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EmployeesRequest(_message.Message):
    __slots__ = ("employees",)
    EMPLOYEES_FIELD_NUMBER: _ClassVar[int]
    employees: _containers.RepeatedCompositeFieldContainer[Employee]
    def __init__(self, employees: _Optional[_Iterable[_Union[Employee, _Mapping]]] = ...) -> None: ...

class Employee(_message.Message):
    __slots__ = ("satisfaction_level", "last_evaluation", "number_project", "average_monthly_hours", "time_spend_company", "work_accident", "promotion_last_5years", "department", "salary")
    SATISFACTION_LEVEL_FIELD_NUMBER: _ClassVar[int]
    LAST_EVALUATION_FIELD_NUMBER: _ClassVar[int]
    NUMBER_PROJECT_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_MONTHLY_HOURS_FIELD_NUMBER: _ClassVar[int]
    TIME_SPEND_COMPANY_FIELD_NUMBER: _ClassVar[int]
    WORK_ACCIDENT_FIELD_NUMBER: _ClassVar[int]
    PROMOTION_LAST_5YEARS_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    SALARY_FIELD_NUMBER: _ClassVar[int]
    satisfaction_level: float
    last_evaluation: float
    number_project: int
    average_monthly_hours: int
    time_spend_company: int
    work_accident: int
    promotion_last_5years: int
    department: str
    salary: str
    def __init__(self, satisfaction_level: _Optional[float] = ..., last_evaluation: _Optional[float] = ..., number_project: _Optional[int] = ..., average_monthly_hours: _Optional[int] = ..., time_spend_company: _Optional[int] = ..., work_accident: _Optional[int] = ..., promotion_last_5years: _Optional[int] = ..., department: _Optional[str] = ..., salary: _Optional[str] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("predictions",)
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[Attrition]
    def __init__(self, predictions: _Optional[_Iterable[_Union[Attrition, _Mapping]]] = ...) -> None: ...

class Attrition(_message.Message):
    __slots__ = ("probability", "leaves")
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FIELD_NUMBER: _ClassVar[int]
    probability: float
    leaves: bool
    def __init__(self, probability: _Optional[float] = ..., leaves: _Optional[bool] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("explanations",)
    EXPLANATIONS_FIELD_NUMBER: _ClassVar[int]
    explanations: _containers.RepeatedCompositeFieldContainer[AttritionExplanation]
    def __init__(self, explanations: _Optional[_Iterable[_Union[AttritionExplanation, _Mapping]]] = ...) -> None: ...

class AttritionExplanation(_message.Message):
    __slots__ = ("probability", "base_value", "raw_score", "contributions")
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    BASE_VALUE_FIELD_NUMBER: _ClassVar[int]
    RAW_SCORE_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    probability: float
    base_value: float
    raw_score: float
    contributions: _containers.RepeatedCompositeFieldContainer[Contribution]
    def __init__(self, probability: _Optional[float] = ..., base_value: _Optional[float] = ..., raw_score: _Optional[float] = ..., contributions: _Optional[_Iterable[_Union[Contribution, _Mapping]]] = ...) -> None: ...

class Contribution(_message.Message):
    __slots__ = ("feature", "value", "contribution")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    feature: str
    value: _struct_pb2.Value
    contribution: float
    def __init__(self, feature: _Optional[str] = ..., value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., contribution: _Optional[float] = ...) -> None: ...
