"""Tokens: which are taken, and of which issuer's keys."""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from framework.access.scopes import Need
from serving.access.door import LockedDoor
from serving.access.principal import UnknownCallerError
from serving.access.tokens import Tokens
from serving.errors import Code, ServingError
from serving.limits.start import Limits
from serving.settings import Settings
from tests.issuer import AUDIENCE, ISSUER, Issuer

TRUSTED = Issuer()
PREDICT = Need.to("predict", "gauges")


def tokens_of(path: Path, keys: dict[str, Any], **further: Any) -> Tokens:
    path.write_text(json.dumps(keys))
    settings = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_keys": str(path), **further}
    tokens = Tokens(Settings.model_validate(settings), lambda _: None)
    asyncio.run(tokens.keys.start())
    return tokens


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return tokens_of(tmp_path / "jwks.json", TRUSTED.public())


@pytest.mark.parametrize("key", ["rsa", "ec"])
@pytest.mark.parametrize("scope", ["openid gauges:predict", ["gauges:predict", "Not One", 7]])
def test_a_token_tells_who_asks_and_what_they_may(tokens: Tokens, key: str, scope: object) -> None:
    principal = tokens.owner(TRUSTED.token(scope, key, aud=["others", AUDIENCE]))

    assert (principal.id, principal.series) == ("jwt:somebody", "jwt")
    assert principal.may(PREDICT)
    assert not principal.may(Need.to("explain", "gauges"))
    assert 60 < principal.expires - time.time() < 120


@pytest.mark.parametrize("scope", [None, "", "openid", 7, {"a": "gauges:predict"}])
def test_without_a_scope_of_ours_nothing_is_allowed(tokens: Tokens, scope: object) -> None:
    assert not tokens.owner(TRUSTED.token(scope)).may(PREDICT)


def test_scopes_may_be_in_another_claim(tmp_path: Path) -> None:
    tokens = tokens_of(tmp_path / "k", TRUSTED.public(), jwt_scope_claim="roles")

    assert tokens.owner(TRUSTED.token(None, roles=["gauges:predict"])).may(PREDICT)
    assert not tokens.owner(TRUSTED.token("gauges:predict")).may(PREDICT)


def unsigned(algorithm: str, **claims: Any) -> str:
    head = {"alg": algorithm, "kid": "rsa", "typ": "JWT"}
    body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": time.time() + 60, "scope": "*"}
    parts = [urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (head, body)]
    return b".".join([*parts, b""]).decode()


def by_the_public_key(algorithm: str) -> str:
    """A token whose maker knows nothing but the public key, and uses it as a password."""
    public = (
        TRUSTED.keys["rsa"]
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    import hashlib
    import hmac

    head, body, _ = unsigned(algorithm).split(".")
    signature = hmac.new(public, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def signed_by_another() -> str:
    other = Issuer()
    return other.token("*", headers={"kid": "rsa"})


def own_key_in_its_head() -> str:
    """A token that brings the key along by which it would have to be verified."""
    other = Issuer()
    return other.token("*", headers={"kid": "rsa", "jwk": other.public()["keys"][0]})


BAD: dict[str, Callable[[], str]] = {
    "expired": lambda: TRUSTED.token(exp=time.time() - 60),
    "without end": lambda: TRUSTED.token(exp=None),
    "not valid yet": lambda: TRUSTED.token(nbf=time.time() + 120),
    "of another issuer": lambda: TRUSTED.token(iss="https://evil.example.com"),
    "of no issuer": lambda: TRUSTED.token(iss=None),
    "for others": lambda: TRUSTED.token(aud="others"),
    "for nobody": lambda: TRUSTED.token(aud=None),
    "of nobody": lambda: TRUSTED.token(sub=None),
    "unsigned": lambda: unsigned("none"),
    "unsigned, as it says in capitals": lambda: unsigned("NONE"),
    "with an empty signature": lambda: unsigned("RS256"),
    "signed by the public key": lambda: by_the_public_key("HS256"),
    "signed by the public key, under another name": lambda: by_the_public_key("RS256"),
    "signed by another": signed_by_another,
    "with a key of its own": own_key_in_its_head,
    "of a key that is not known": lambda: TRUSTED.token(headers={"kid": "other"}),
    "of no key": lambda: TRUSTED.token(headers={"kid": None}),
    "of a key that is a path": lambda: TRUSTED.token(headers={"kid": "../../etc/passwd"}),
    "of another key of the issuer's": lambda: TRUSTED.token(headers={"kid": "ec"}),
    "of an algorithm that is not taken": lambda: jwt.encode(
        {"sub": "a"}, TRUSTED.keys["rsa"], "RS512", {"kid": "rsa"}
    ),
    "changed": lambda: TRUSTED.token()[:-4] + "AAAA",
    "no token": lambda: "a.b.c",
    "empty": lambda: "..",
    "not ASCII": lambda: "\xff.\xff.\xff",
}


@pytest.mark.parametrize("name", BAD)
def test_a_token_that_is_not_valid_tells_of_nobody(tokens: Tokens, name: str) -> None:
    token = BAD[name]()

    with pytest.raises(UnknownCallerError) as refused:
        tokens.owner(token)
    assert not any(part and part in str(refused.value) for part in token.split(".")[1:2])
    with pytest.raises(ServingError) as told:
        LockedDoor(None, tokens, Limits(Settings())).admit(
            PREDICT, {b"authorization": b"Bearer " + token.encode("latin-1")}
        )
    assert told.value.code is Code.UNAUTHENTICATED


@pytest.mark.parametrize("kind", ["symmetric", "for encryption", "short"])
def test_a_key_that_is_not_for_this_verifies_nothing(tmp_path: Path, kind: str) -> None:
    key = TRUSTED.public()["keys"][0]
    token = TRUSTED.token()
    if kind == "symmetric":
        secret = b"s" * 32
        key = {"kty": "oct", "kid": "rsa", "k": urlsafe_b64encode(secret).decode().rstrip("=")}
        token = jwt.encode({"sub": "a"}, secret, "HS256", {"kid": "rsa"})
    elif kind == "for encryption":
        key["use"] = "enc"
    else:
        weak = Issuer()
        weak.keys["rsa"] = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)
        key = weak.public()["keys"][0]
        with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
            token = weak.token()
    tokens = tokens_of(tmp_path / "k", {"keys": [key]})

    with pytest.raises(UnknownCallerError):
        tokens.owner(token)


def test_a_verified_token_is_remembered_no_longer_than_it_is_valid(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = LockedDoor(None, tokens, Limits(Settings()))
    shown = {b"authorization": f"Bearer {TRUSTED.token()}".encode()}
    assert door.admit(PREDICT, shown) is door.admit(PREDICT, shown)
    later = time.time() + 121
    monkeypatch.setattr(time, "time", lambda: later)

    with pytest.raises(ServingError, match="expired"):
        door.admit(PREDICT, shown)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys": 1}', '{"keys": [{"kty": "?"}]}'])
def test_what_is_no_set_of_keys_leaves_the_former(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "jwks.json"
    tokens = tokens_of(path, TRUSTED.public())
    path.write_text(content)
    asyncio.run(tokens.keys.start())

    assert tokens.owner(TRUSTED.token()).id == "jwt:somebody"
    assert "stay as they were" in caplog.text
