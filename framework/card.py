"""The model card: everything training knows about a stored model.

Training writes it once, as `card.json` beside the framework's own file;
serving reads it to check compatibility, to answer `GET /models`, and to
reproduce the golden examples before a worker reports ready.
"""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, Self

import bentoml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from framework.integrity import require_card
from framework.reference import Reference
from framework.refusal import ModelRefusedError

CARD_FILE = "card.json"
DataKind = Literal["simulated", "file", "builtin"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSummary(_Frozen):
    """Where the training rows came from and how they were divided."""

    source: str = Field(description="Path or URL of the data, or `simulation`.")
    kind: DataKind = Field(description="Generated, read from a file, or shipped with a library.")
    sha256: str = Field(description="Hash of the data as read.")
    rows: int = Field(description="Rows read from there.")
    distinct_rows: int = Field(description="Rows left after removing exact duplicates.")
    train_rows: int
    validation_rows: int
    test_rows: int
    holdout_rows: int | None = Field(
        default=None, description="Rows of the file held out for the test, if there was one."
    )

    @property
    def simulated(self) -> bool:
        """Whether the rows were generated, not observed."""
        return self.kind == "simulated"

    @model_validator(mode="before")
    @classmethod
    def _read_first_form(cls, content: Any) -> Any:
        """Cards of the first form knew `simulated`, true or false."""
        if isinstance(content, dict) and "simulated" in content:
            content = dict(content)
            content["kind"] = "simulated" if content.pop("simulated") else "file"
        return content


class NumberProfile(_Frozen):
    """Reference distribution of a numeric feature in the training rows."""

    mean: float
    std: float
    quantiles: dict[str, float] = Field(description="Quantile (`0.0` … `1.0`) → value.")
    missing: float = Field(default=0.0, description="Share of rows without a value.")


class CategoryProfile(_Frozen):
    """Reference distribution of a categorical feature in the training rows."""

    shares: dict[str, float] = Field(
        description="Category → share of the rows that have a value, adding up to 1."
    )
    missing: float = Field(default=0.0, description="Share of rows without a value.")


class GoldenExample(_Frozen):
    """One record and the prediction the trainer computed for it."""

    record: dict[str, JsonValue]
    prediction: dict[str, JsonValue]


class ModelCard(_Frozen):
    """What is known of one stored model beyond its weights."""

    framework: str = Field(description="Distribution name of the framework, e.g. `lightgbm`.")
    versions: dict[str, str] = Field(description="Library → version used for training.")
    task: str = Field(description="Kind of question: `binary`, `multiclass`, `regression` …")
    target: list[str] = Field(description="Columns of the data that the model learnt to tell.")
    outputs: list[str] = Field(description="Fields of an answer.")
    units: dict[str, str] = Field(default={}, description="Field of an answer → its unit.")
    data: DataSummary
    seed: int
    git_commit: str | None = Field(description="Commit of the training code, if known.")
    features: list[str] = Field(description="Feature order of the model's input.")
    categories: dict[str, list[str]] = Field(
        description="Categorical feature → categories, in the order of their codes."
    )
    classes: list[str]
    threshold: float | None = Field(description="Decision threshold on the probability, if any.")
    parameters: dict[str, JsonValue] = Field(description="Training parameters.")
    performance: dict[str, dict[str, float]] = Field(
        description="Held-out metrics: `overall`, per class, and per slice (`feature=value`)."
    )
    profile: dict[str, NumberProfile | CategoryProfile] = Field(
        description="Distribution of every feature in the training rows."
    )
    target_profile: dict[str, NumberProfile | CategoryProfile] = Field(
        default={}, description="Reference distribution of the target in the same rows."
    )
    reference: Reference | None = Field(
        default=None,
        description="Bins and counts of held-out rows, for drift detection; earlier cards have "
        "none.",
    )
    golden: list[GoldenExample] = Field(min_length=1)
    files: dict[str, str] = Field(
        default={}, description="File stored beside the card → SHA-256; earlier cards have none."
    )

    @model_validator(mode="before")
    @classmethod
    def _read_first_form(cls, content: Any) -> Any:
        """Cards of the first form, of classifiers only, told neither task nor outputs."""
        if isinstance(content, dict) and "task" not in content:
            is_binary = content.get("threshold") is not None
            golden = content.get("golden") or [{}]
            content = {
                **content,
                "task": "binary" if is_binary else "multiclass",
                "target": [],
                "outputs": list(golden[0].get("prediction", {})),
            }
        return content

    @model_validator(mode="after")
    def _knows_its_framework(self) -> Self:
        if self.framework not in self.versions:
            raise ValueError("versions lack that of the framework")
        return self

    @classmethod
    def read(cls, model: bentoml.Model) -> "ModelCard":
        """Returns the card stored with `model`.

        Raises:
            ModelRefusedError: The model has no card, another than was stored with it, or none that
                can be read.
        """
        path = Path(model.path_of(CARD_FILE))
        if not path.is_file():
            raise ModelRefusedError(
                f"Model {model.tag} has no {CARD_FILE}: it was not stored by this project. Train "
                f"it with `python -m training {model.tag.name}`, or bring its file in with "
                f"`python -m training import {model.tag.name} --file …`."
            )
        try:
            content = path.read_bytes()
            require_card(model, content)
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            problem = f"{place}: {first['msg']}" if place else first["msg"]
        except OSError as error:
            problem = str(error.strerror)
        raise ModelRefusedError(
            f"Model {model.tag} has a {CARD_FILE} that cannot be read ({problem}); retrain with "
            f"`python -m training {model.tag.name}`."
        )

    def require_compatible(
        self, tag: object, features: list[str], categories: Mapping[str, list[str]]
    ) -> None:
        """Checks that this code and these libraries can serve the model.

        Args:
            tag: The model's tag, for the message.
            features: Feature order of the serving code.
            categories: Category order of the serving code.

        Raises:
            ModelRefusedError: Another major version of the framework, or other features.
        """
        trained = self.versions[self.framework]
        try:
            installed = version(self.framework)
        except PackageNotFoundError:
            raise ModelRefusedError(
                f"Model {tag} was made with {self.framework}, which is not installed; install "
                f"{self.framework}=={trained} or retrain with `python -m training`."
            ) from None
        if trained.split(".")[0] != installed.split(".")[0]:
            raise ModelRefusedError(
                f"Model {tag} was made with {self.framework} {trained}, but {installed} is "
                f"installed, another major version; install {self.framework}=={trained} or "
                "retrain with `python -m training`."
            )
        if self.features != features or self.categories != dict(categories):
            raise ModelRefusedError(
                f"Model {tag} was trained on features {self.features} with categories "
                f"{self.categories}, but this server computes {features} with "
                f"{dict(categories)}; retrain with `python -m training`."
            )
