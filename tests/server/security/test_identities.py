"""Who asks, by a token of a trusted issuer or by a client's certificate, over HTTP and gRPC."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bentoml
import grpc
import httpx
import pytest

from deploy.processes import START_DEADLINE_SECONDS, wait_until
from security.commands import allow_certificate, create_key, revoke
from serving.grpc.reflection import METHOD, V1
from tests.certificates import Authority, Pair, mount
from tests.issuer import AUDIENCE, ISSUER, Issuer, Published
from tests.plugin import pinned
from tests.processes import Server
from tests.server.security.conftest import TARGET
from tests.server.security.test_scopes import BODY, CONNECT

AUTHORITY = Authority()
SECONDS = 10


@dataclass
class Asked:
    """A server that wants certificates of its clients, and takes tokens beside."""

    server: Server
    keys: Path
    authority: Path
    issuer: Issuer
    published: Published
    shop: str
    known: Pair
    unknown: Pair

    def client(self, pair: Pair, folder: Path) -> httpx.Client:
        """A client with a certificate."""
        trusting = ssl.create_default_context(cafile=self.authority)
        trusting.load_cert_chain(*mount(folder, pair))
        return httpx.Client(base_url=self.server.url, verify=trusting, timeout=30)

    def call(self, pair: Pair, method: str, token: str = "") -> grpc.StatusCode:
        """Calls a method with an empty message."""
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        trusting = grpc.ssl_channel_credentials(AUTHORITY.pem, pair.key, pair.certificate)
        with grpc.secure_channel(self.server.grpc, trusting) as channel:
            asked: Any = channel.stream_stream(method)
            answers = asked(iter([b""]), timeout=10, metadata=metadata)
            try:
                list(answers)
            except grpc.RpcError as error:
                return error.code()
        return grpc.StatusCode.OK


@pytest.fixture(scope="module")
def asked(
    toy_models: dict[str, bentoml.Model], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("identities")
    authority = AUTHORITY.write(folder / "ca.crt")
    certificate, key = mount(folder / "tls", AUTHORITY.issue())
    known, unknown = AUTHORITY.issue("shop"), AUTHORITY.issue("stranger")
    keys, issuer = folder / "keys.json", Issuer()
    shop = allow_certificate(keys, "shop", "a test", ["gauges:predict"], None)
    with issuer.serve() as published:
        environment = {
            "MODEL_SERVER_TLS_CERTIFICATE": str(certificate),
            "MODEL_SERVER_TLS_KEY": str(key),
            "MODEL_SERVER_TLS_CLIENT_CA": str(authority),
            "MODEL_SERVER_KEYS": str(keys),
            "MODEL_SERVER_FAILED_ATTEMPTS": "0",
            "MODEL_SERVER_JWT_ISSUER": ISSUER,
            "MODEL_SERVER_JWT_AUDIENCE": AUDIENCE,
            "MODEL_SERVER_JWT_KEYS": published.url,
            "MODEL_SERVER_JWT_REFRESH_SECONDS": "1",
            "MODEL_SERVER_DRAIN_SECONDS": "0",
        }
        with pinned(toy_models):
            server = Server(TARGET, environment, certificate=authority)
        made = Asked(server, keys, authority, issuer, published, shop, known, unknown)
        with server, made.client(known, folder / "probing") as client:

            def ready() -> bool:
                try:
                    return client.get("/readyz").status_code == 200
                except httpx.HTTPError:
                    return False

            server.wait_until(ready, START_DEADLINE_SECONDS, "the server was not ready")
            yield made


def ask(client: httpx.Client, token: str = "", path: str = "/gauges/predict") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.post(path, json=BODY, headers=headers).status_code


def test_a_certificate_tells_who_asks(asked: Asked, tmp_path: Path) -> None:
    with (
        asked.client(asked.known, tmp_path / "known") as known,
        asked.client(asked.unknown, tmp_path / "unknown") as unknown,
    ):
        assert ask(known) == 200
        assert ask(known, path="/spans/predict") == 403
        assert ask(unknown) == 401
        assert unknown.get("/readyz").status_code == 200
        # What is shown counts: the certificate does not stand in for a key that is wrong.
        assert ask(known, "ms_wrong") == 401
        key, _ = create_key(asked.keys, "another", ["spans:predict"], None)
        wait_until(lambda: ask(known, key) == 403, SECONDS, "the key was not taken")
        assert ask(unknown, key, "/spans/predict") == 400


def test_a_certificate_tells_who_calls(asked: Asked) -> None:
    reflection = f"/{V1}/{METHOD}"
    assert asked.call(asked.known, CONNECT) is grpc.StatusCode.INVALID_ARGUMENT
    assert asked.call(asked.known, reflection) is grpc.StatusCode.OK
    refused = {asked.call(asked.unknown, one) for one in (CONNECT, reflection, "/nothing/At")}
    assert refused == {grpc.StatusCode.UNAUTHENTICATED}
    assert asked.call(asked.known, "/nothing/At") is grpc.StatusCode.PERMISSION_DENIED
    assert asked.call(asked.known, CONNECT, "ms_wrong") is grpc.StatusCode.UNAUTHENTICATED
    assert asked.call(asked.unknown, "/grpc.health.v1.Health/Check") is grpc.StatusCode.OK


def test_a_certificate_is_revoked_while_its_connection_is_open(
    asked: Asked, tmp_path: Path
) -> None:
    pair = AUTHORITY.issue("guest")
    own_id = allow_certificate(asked.keys, "guest", "a guest", ["gauges:predict"], None)
    with asked.client(pair, tmp_path / "guest") as client:
        wait_until(lambda: ask(client) == 200, SECONDS, "the guest was not let in")
        revoke(asked.keys, [own_id])
        wait_until(lambda: ask(client) == 401, SECONDS, "the guest was let in")
        assert asked.call(pair, CONNECT) is grpc.StatusCode.UNAUTHENTICATED


def test_a_token_tells_who_asks(asked: Asked, tmp_path: Path) -> None:
    with asked.client(asked.unknown, tmp_path / "client") as client:
        token = asked.issuer.token("gauges:predict metrics:read")
        assert ask(client, token) == 200
        assert ask(client, token, "/spans/predict") == 403
        assert ask(client, asked.issuer.token(aud="others")) == 401
        metrics = client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).text

    assert 'model_server_caller_requests_total{caller="jwt"}' in metrics
    assert f'model_server_caller_requests_total{{caller="{asked.shop}"}}' in metrics
    assert "somebody" not in metrics
    assert asked.call(asked.unknown, CONNECT, token) is grpc.StatusCode.INVALID_ARGUMENT
    expired = asked.issuer.token(exp=1)
    assert asked.call(asked.unknown, CONNECT, expired) is grpc.StatusCode.UNAUTHENTICATED


def test_keys_that_the_issuer_revokes_are_forgotten(asked: Asked, tmp_path: Path) -> None:
    other = Issuer()
    with asked.client(asked.unknown, tmp_path / "client") as client:
        asked.issuer.keys["new"] = other.keys["ec"]
        token = asked.issuer.token(key="new")
        wait_until(lambda: ask(client, token) == 200, SECONDS, "the new key was not fetched")

        del asked.issuer.keys["new"]
        wait_until(lambda: ask(client, token) == 401, SECONDS, "a revoked key was taken")
        assert ask(client, asked.issuer.token()) == 200


def test_an_issuer_that_fails_leaves_its_keys_as_they_were(asked: Asked, tmp_path: Path) -> None:
    told = asked.server.output().count("HTTP status 500")
    asked.published.status = 500
    try:
        wait_until(
            lambda: asked.server.output().count("HTTP status 500") > told,
            SECONDS,
            "the issuer was not asked",
        )
        with asked.client(asked.unknown, tmp_path / "client") as client:
            assert ask(client, asked.issuer.token()) == 200
    finally:
        asked.published.status = 200


def test_requests_are_answered_while_the_issuer_is_awaited(asked: Asked, tmp_path: Path) -> None:
    asked.published.waiting.clear()
    asked.published.open.clear()
    try:
        assert asked.published.waiting.wait(SECONDS)
        with asked.client(asked.known, tmp_path / "client") as client:
            assert ask(client) == 200
            assert ask(client, asked.issuer.token()) == 200
        assert not asked.published.open.is_set()
    finally:
        asked.published.open.set()
