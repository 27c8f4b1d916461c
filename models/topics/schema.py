"""The typed contract of the topics model: one text in, one topic out."""

from pydantic import BaseModel, ConfigDict, Field


class Text(BaseModel):
    """One text to classify; for a project, its title followed by its description."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"text": "YOLO and RCNN compared on real world videos"}]},
    )

    text: str = Field(
        min_length=1, max_length=10_000, pattern=r"\S", description="English text, not blank."
    )


class Topic(BaseModel):
    """The topic of one text."""

    model_config = ConfigDict(frozen=True)

    topic: str = Field(description="The most probable topic.")
    probability: float = Field(ge=0, le=1, description="Probability of that topic.")
    probabilities: dict[str, float] = Field(
        description="Every topic the model knows → its probability, adding up to 1."
    )


class Project(BaseModel):
    """A project as the training data tells of it."""

    title: str = Field(min_length=1)
    description: str | None = None


def project_text(title: str, description: str | None) -> str:
    """Joins a project's title and description into the text that the model is trained on."""
    return f"{title} {description or ''}".strip()
