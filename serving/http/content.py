"""What BentoML takes and gives beside plain JSON, as OpenAPI describes it."""

from dataclasses import dataclass
from typing import Any, Self

from framework.adapters.bentoml import IOMixin

JSON = "application/json"
# BentoML's own types of JSON schemas, which JSON Schema does not know → those that come nearest.
_KNOWN: dict[str, dict[str, Any]] = {
    "file": {"type": "string", "format": "binary"},
    "tensor": {"type": "array", "items": {}},
    "dataframe": {"type": ["array", "object"]},
}
_KEPT = {"title", "description", "default"}


@dataclass(frozen=True)
class Content:
    """A request body or an answer.

    Attributes:
        content: Media type → its description, for OpenAPI's `content`.
        schemas: Those that it refers to, for OpenAPI's components.
    """

    content: dict[str, Any]
    schemas: dict[str, Any]

    @classmethod
    def of(cls, spec: type[IOMixin], api: str) -> Self:
        """Describes what an API takes or gives.

        Args:
            spec: BentoML's descriptor.
            api: Name of the API: the schemas are its own, whatever others are called.
        """
        template = f"#/components/schemas/{api}.{{model}}"
        schema = known_types(spec.model_json_schema(ref_template=template))
        schema.pop("root_input", None)
        nested = schema.pop("$defs", {})
        return cls(
            {spec.mime_type(): {"schema": schema}},
            {f"{api}.{name}": one for name, one in nested.items()},
        )


def is_plain(spec: type[IOMixin]) -> bool:
    """Whether an API takes or gives JSON, all of whose types JSON Schema knows."""
    if spec.mime_type() != JSON:
        return False
    schema = spec.model_json_schema()
    return bool(known_types(schema) == schema)


def known_types(schema: Any) -> Any:
    """Returns a JSON schema with BentoML's own types in the words of JSON Schema."""
    if isinstance(schema, list):
        return [known_types(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if isinstance(kind, str) and kind in _KNOWN:
        kept = {name: value for name, value in schema.items() if name in _KEPT}
        return {**_KNOWN[kind], **kept}
    return {name: known_types(value) for name, value in schema.items()}
