# mypy: ignore-errors
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WinesRequest(_message.Message):
    __slots__ = ("wines",)
    WINES_FIELD_NUMBER: _ClassVar[int]
    wines: _containers.RepeatedCompositeFieldContainer[Analysis]
    def __init__(self, wines: _Optional[_Iterable[_Union[Analysis, _Mapping]]] = ...) -> None: ...

class Analysis(_message.Message):
    __slots__ = ("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids", "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue", "od280_od315_of_diluted_wines", "proline")
    ALCOHOL_FIELD_NUMBER: _ClassVar[int]
    MALIC_ACID_FIELD_NUMBER: _ClassVar[int]
    ASH_FIELD_NUMBER: _ClassVar[int]
    ALCALINITY_OF_ASH_FIELD_NUMBER: _ClassVar[int]
    MAGNESIUM_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PHENOLS_FIELD_NUMBER: _ClassVar[int]
    FLAVANOIDS_FIELD_NUMBER: _ClassVar[int]
    NONFLAVANOID_PHENOLS_FIELD_NUMBER: _ClassVar[int]
    PROANTHOCYANINS_FIELD_NUMBER: _ClassVar[int]
    COLOR_INTENSITY_FIELD_NUMBER: _ClassVar[int]
    HUE_FIELD_NUMBER: _ClassVar[int]
    OD280_OD315_OF_DILUTED_WINES_FIELD_NUMBER: _ClassVar[int]
    PROLINE_FIELD_NUMBER: _ClassVar[int]
    alcohol: float
    malic_acid: float
    ash: float
    alcalinity_of_ash: float
    magnesium: int
    total_phenols: float
    flavanoids: float
    nonflavanoid_phenols: float
    proanthocyanins: float
    color_intensity: float
    hue: float
    od280_od315_of_diluted_wines: float
    proline: int
    def __init__(self, alcohol: _Optional[float] = ..., malic_acid: _Optional[float] = ..., ash: _Optional[float] = ..., alcalinity_of_ash: _Optional[float] = ..., magnesium: _Optional[int] = ..., total_phenols: _Optional[float] = ..., flavanoids: _Optional[float] = ..., nonflavanoid_phenols: _Optional[float] = ..., proanthocyanins: _Optional[float] = ..., color_intensity: _Optional[float] = ..., hue: _Optional[float] = ..., od280_od315_of_diluted_wines: _Optional[float] = ..., proline: _Optional[int] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("predictions",)
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[Cultivar]
    def __init__(self, predictions: _Optional[_Iterable[_Union[Cultivar, _Mapping]]] = ...) -> None: ...

class Cultivar(_message.Message):
    __slots__ = ("cultivar", "probability", "probabilities")
    class ProbabilitiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    CULTIVAR_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    cultivar: int
    probability: float
    probabilities: _containers.ScalarMap[str, float]
    def __init__(self, cultivar: _Optional[int] = ..., probability: _Optional[float] = ..., probabilities: _Optional[_Mapping[str, float]] = ...) -> None: ...
