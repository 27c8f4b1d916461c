"""The gRPC contracts of the models: `.proto` files made from their types, and what is made of them.

Numbers are what binds the clients of a protobuf message. They are read from the file that is
there: a field keeps its number whatever becomes of its type or place, a field that is gone leaves
number and name reserved, and a new field takes the next free number.
"""

from framework.protos.files import ProtoError, out_of_date, write
from framework.protos.messages import Field, Message, messages_of, service_name
from framework.protos.numbers import broken, numbered
from framework.protos.text import text_of

__all__ = [
    "Field",
    "Message",
    "ProtoError",
    "broken",
    "messages_of",
    "numbered",
    "out_of_date",
    "service_name",
    "text_of",
    "write",
]
