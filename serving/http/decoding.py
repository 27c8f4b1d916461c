"""Request bodies that come compressed, decoded within the limits."""

import zlib

from serving.errors import Code, ServingError

# Which window zlib is to expect says which format it reads.
_GZIP, _ZLIB, _RAW = 31, 15, -15
# A body may be several compressed ones, one after another.
_MAX_MEMBERS = 100


def require_encoding(encoding: bytes) -> str:
    """Returns how a body is encoded: `gzip`, `deflate`, or nothing.

    Raises:
        ServingError: `unsupported_media_type`.
    """
    name = encoding.strip().lower().decode("latin-1").removeprefix("x-")
    if name not in ("", "identity", "gzip", "deflate"):
        raise ServingError(
            Code.UNSUPPORTED_MEDIA_TYPE, "The content encoding must be gzip, deflate or none."
        )
    return name.removeprefix("identity")


def decoded(body: bytes, encoding: str, limit: int) -> bytes:
    """Returns a body decoded, of which never more than `limit` bytes are made.

    Raises:
        ServingError: `payload_too_large`; `invalid_input`: it is not encoded so.
    """
    window = _GZIP if encoding == "gzip" else _deflate_window(body)
    parts, left = [], limit
    try:
        for _ in range(_MAX_MEMBERS):
            decompressor = zlib.decompressobj(window)
            parts.append(decompressor.decompress(body, left + 1))
            left -= len(parts[-1])
            if left < 0:
                raise too_large(limit)
            if not decompressor.eof:
                break
            body = decompressor.unused_data
            if not body:
                return b"".join(parts)
    except zlib.error:
        pass
    raise ServingError(Code.INVALID_INPUT, f"The request body is not whole {encoding} data.")


def too_large(limit: int) -> ServingError:
    """Makes the error for a body of more than `limit` bytes."""
    return ServingError(Code.PAYLOAD_TOO_LARGE, f"The request body exceeds {limit} bytes.")


def _deflate_window(body: bytes) -> int:
    """Tells zlib's format, which the standard asks for, from what some clients send."""
    is_zlib = len(body) > 1 and body[0] & 15 == 8 and int.from_bytes(body[:2]) % 31 == 0
    return _ZLIB if is_zlib else _RAW
