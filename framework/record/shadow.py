"""Shadow answers: what another version said to recorded requests, beside the one that answered.

In the spool a shadow answer is an entry of the kind `SHADOW`: prediction id, request id, route,
protocol and time are those of the answered request, so that both can be joined and are deleted
together; the tag is the other version's. Converted, and when a version is replayed, it is a row of
the record's folder `shadow`, with the columns that `monitoring.record.tables.shadow_table` tells.
"""

from typing import Any

import msgspec

from framework.record.frames import SHADOW, Entry, EntryTuple
from framework.record.labels import MSGPACK

_OK = 200


class ShadowAnswers(msgspec.Struct, array_like=True, frozen=True):
    """What another version said to the rows of a request.

    Attributes:
        answers: One for each row, by the names of the answer's fields.
        seconds: How long the version took to compute one row, in its batch.
        answered_by: Version of the tag that answered the client.
        answered_seconds: How long that took to compute one row, in its batch; None if unknown.
    """

    answers: list[dict[str, Any]]
    seconds: float
    answered_by: str
    answered_seconds: float | None = None


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(ShadowAnswers)


def entry_of(answered: Entry, tag: str, shadow: ShadowAnswers) -> EntryTuple:
    """Returns the entry that keeps shadow answers.

    Args:
        answered: The entry of the request; its body and answer are not used.
        tag: Exact tag of the other version.
        shadow: What that said.
    """
    asked = (answered.prediction_id, answered.request_id, answered.route, answered.protocol)
    return (SHADOW, answered.ns, *asked, tag, _OK, MSGPACK, b"", _encode(shadow))


def shadow_of(entry: Entry) -> ShadowAnswers:
    """Returns what an entry of the kind `SHADOW` keeps.

    Raises:
        msgspec.MsgspecError: It is none.
    """
    return _decoder.decode(entry.answer)
