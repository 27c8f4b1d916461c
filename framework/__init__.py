"""What a model is: its contract, its encoder, its task, its recipe, its card.

A model is one folder below `models/`, whose module defines `MODEL`; see `docs/add-a-model.md`.
"""

from framework.answers import Answers
from framework.budget import Budget
from framework.bundle import Bundle
from framework.card import ModelCard
from framework.fields import FieldError, Recorded
from framework.fitting import Source
from framework.model import MAX_ROWS, Model
from framework.records import Records
from framework.refusal import ModelRefusedError
from framework.tasks import Binary, Multiclass, MultiOutput, Regression, Task

__all__ = [
    "MAX_ROWS",
    "Answers",
    "Binary",
    "Budget",
    "Bundle",
    "FieldError",
    "Model",
    "ModelCard",
    "ModelRefusedError",
    "MultiOutput",
    "Multiclass",
    "Recorded",
    "Records",
    "Regression",
    "Source",
    "Task",
]
