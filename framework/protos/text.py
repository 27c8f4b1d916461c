"""The contract as the text of a `.proto` file."""

import textwrap
from collections.abc import Sequence
from typing import Any

from framework.model import Model
from framework.protos.messages import VALUE, Message, calls, service_name, summary

WIDTH = 100


def text_of(model: Model[Any, Any], messages: Sequence[Message]) -> str:
    """Returns the `.proto` file of a model."""
    lines = _comment(
        f"The typed gRPC contract of the model {model.name}, made of its types by `make protos`, "
        "which keeps the numbers of fields."
    )
    lines.append("//")
    lines += _comment(
        "The fields of a record are `optional` so that the server can tell a missing value from a "
        "zero or an empty text; it refuses what must not be missing."
    )
    lines += ['syntax = "proto3";', "", f"package {model.name}.v1;", ""]
    if any(field.type == VALUE for message in messages for field in message.fields):
        lines += ['import "google/protobuf/struct.proto";', ""]
    lines += [*_comment(model.description), f"service {service_name(model)} {{"]
    for at, (method, _, answer) in enumerate(calls(model)):
        lines += [""] * (at > 0)
        lines += _comment(f"{summary(answer)} One for each record, in order.", "  ")
        lines.append(f"  rpc {method}({model.request.__name__}) returns ({method}Response);")
    lines.append("}")
    for message in messages:
        lines += ["", *_lines(message)]
    return "\n".join(lines) + "\n"


def _lines(message: Message) -> list[str]:
    lines = []
    if message.gone:
        lines += [f"  reserved {', '.join(map(str, message.gone))};"]
    if message.gone_names:
        lines += ["  reserved " + ", ".join(f'"{name}"' for name in message.gone_names) + ";"]
    for field in message.fields:
        lines += [""] * bool(lines)
        label = f"{field.label} " if field.label else ""
        lines += _comment(field.comment, "  ")
        lines.append(f"  {label}{field.type} {field.name} = {field.number};")
    return [*_comment(message.comment), f"message {message.name} {{", *lines, "}"]


def _comment(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent=f"{indent}// ",
        subsequent_indent=f"{indent}// ",
        break_long_words=False,
        break_on_hyphens=False,
    )
