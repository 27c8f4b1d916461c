"""API keys: how one is made, and how one that is mistyped is told from one that is not known.

`ms_<id>_<secret><checksum>`: by the prefix, people and scanners of repositories know what they have
found; the id is what lists and logs say; the checksum tells a slip of the pen.
"""

import hashlib
import re
import secrets
import string
import zlib

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LETTERS = string.ascii_lowercase + string.digits
_ID_LENGTH, _CHECKSUM_LENGTH = 8, 6
_SECRET_BYTES = 32
_FORM = re.compile(r"(ms_([a-z0-9]{8})_[A-Za-z0-9_-]{43})([0-9A-Za-z]{6})")


def new_id() -> str:
    """Makes the id of a key: no secret, and never the same twice."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))


def new_key(own_id: str) -> str:
    """Makes a key of 256 random bits."""
    content = f"ms_{own_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return content + _checksum(content)


def key_id(key: str) -> str | None:
    """Returns the id of a key; None if it is none, or mistyped."""
    match = _FORM.fullmatch(key)
    if match is None or _checksum(match[1]) != match[3]:
        return None
    return match[2]


def digest(key: str) -> str:
    """Returns what is kept of a key: its SHA-256, in hexadecimal.

    Without salt, and fast: there is nothing to be guessed in 256 random bits.
    """
    return hashlib.sha256(key.encode()).hexdigest()


def _checksum(content: str) -> str:
    number, digits = zlib.crc32(content.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
