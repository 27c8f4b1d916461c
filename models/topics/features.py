"""Topic features: the one place where texts are prepared, in training and serving.

The word weights themselves are fitted, so they live in the stored scikit-learn pipeline.
"""

from collections.abc import Sequence

from models.topics.schema import Text

FEATURES = list(Text.model_fields)


def documents(texts: Sequence[Text]) -> list[str]:
    """Returns one document per text, in order, as the stored pipeline expects them."""
    return [text.text for text in texts]


def project_text(title: str, description: str) -> str:
    """Joins a project's title and description into the text that the model is trained on."""
    return f"{title} {description}".strip()
