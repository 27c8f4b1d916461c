"""Bodies that come compressed are decoded, and never more of them than is allowed."""

import gzip
import zlib

import pytest

from serving.errors import Code, ServingError
from serving.http.decoding import decoded, require_encoding

LIMIT = 1_000
CONTENT = b"some text " * 100
RIGHT = {
    "gzip": ("gzip", gzip.compress(CONTENT)),
    "in two members": ("gzip", gzip.compress(CONTENT[:10]) + gzip.compress(CONTENT[10:])),
    "deflate": ("deflate", zlib.compress(CONTENT)),
    "deflate without zlib's frame": ("deflate", zlib.compress(CONTENT)[2:-4]),
}
WRONG = {
    "nothing": ("gzip", b""),
    "cut short": ("gzip", gzip.compress(CONTENT)[:-1]),
    "with something behind": ("gzip", gzip.compress(CONTENT) + b"x"),
    "something else": ("gzip", CONTENT),
    "members without end": ("gzip", gzip.compress(b"") * 1_000_000),
    "no deflate": ("deflate", CONTENT),
}
LARGE = {
    "one byte more": ("gzip", gzip.compress(CONTENT + b"x")),
    "a bomb": ("gzip", gzip.compress(bytes(100_000_000), compresslevel=1)),
    "a bomb in parts": ("gzip", gzip.compress(CONTENT) * 50),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_body_is_decoded(name: str) -> None:
    encoding, body = RIGHT[name]

    assert decoded(body, encoding, LIMIT) == CONTENT


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_encoded_so_is_refused(name: str) -> None:
    encoding, body = WRONG[name]

    with pytest.raises(ServingError, match=f"not whole {encoding} data") as refused:
        decoded(body, encoding, LIMIT)

    assert refused.value.code is Code.INVALID_INPUT


@pytest.mark.parametrize("name", LARGE)
def test_no_more_is_made_than_allowed(name: str) -> None:
    encoding, body = LARGE[name]

    with pytest.raises(ServingError) as refused:
        decoded(body, encoding, LIMIT)

    assert refused.value.code is Code.PAYLOAD_TOO_LARGE


@pytest.mark.parametrize(
    ("given", "name"), [(b"gzip", "gzip"), (b" X-GZIP ", "gzip"), (b"identity", ""), (b"", "")]
)
def test_an_encoding_has_several_names(given: bytes, name: str) -> None:
    assert require_encoding(given) == name


@pytest.mark.parametrize("given", [b"br", b"gzip, gzip", b"zstd", b"\xff"])
def test_other_encodings_are_refused(given: bytes) -> None:
    with pytest.raises(ServingError) as refused:
        require_encoding(given)

    assert refused.value.code is Code.UNSUPPORTED_MEDIA_TYPE
