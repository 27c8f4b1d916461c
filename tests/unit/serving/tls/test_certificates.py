import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

import serving.tls.certificates
from serving.tls.certificates import CertificateError, Certificates, Loaded
from serving.tls.files import TlsFiles
from tests.certificates import Authority, Pair, mount
from tests.unit.serving.batching.bench import until
from tests.unit.serving.loops import run

AUTHORITY = Authority()


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.tls.certificates, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(serving.tls.certificates, "_ATTEMPT_SECONDS", 0.005)


class Watched:
    """Certificates in a mounted folder, followed, behind a port of each kind."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.folder = folder
        self.first = AUTHORITY.issue()
        self.files = TlsFiles(*mount(folder, self.first), **options)  # type: ignore[arg-type]
        self.certificates = Certificates(self.files)
        self.loads: list[bool] = []

    def loaded(self, could_be_used: bool, expires: float) -> None:
        assert expires == self.certificates.loaded.expires
        self.loads.append(could_be_used)

    @contextlib.asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        watching = asyncio.create_task(self.certificates.watch(self.loaded))
        try:
            yield
        finally:
            watching.cancel()

    async def handshake(self, client: Pair | None = None, folder: Path | None = None) -> str:
        """Serial number of the certificate that a client of HTTPS sees now."""

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello")
            writer.close()

        context = self.certificates.context()
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        trusting = ssl.create_default_context(cadata=AUTHORITY.pem.decode())
        if client is not None and folder is not None:
            trusting.load_cert_chain(*mount(folder, client))
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("localhost", port, ssl=trusting)
            found = writer.get_extra_info("peercert")["serialNumber"]
            heard = await reader.read()
            writer.close()
            # By TLS 1.3 a client hears of a refusal only after its own handshake.
            if heard != b"hello":
                raise ConnectionRefusedError
        assert isinstance(found, str)
        return found


def test_a_new_certificate_is_taken(tmp_path: Path) -> None:
    async def check() -> None:
        watched = Watched(tmp_path / "tls")
        async with watched.followed():
            assert await watched.handshake() == watched.first.serial
            second = AUTHORITY.issue(days=3)
            mount(watched.folder, second)
            await until(lambda: watched.loads)
            assert watched.loads == [True]
            assert await watched.handshake() == second.serial
            days = (watched.certificates.loaded.expires - time.time()) / 86_400
            assert 2.9 < days < 3.1

    run(check)


def test_a_pair_that_does_not_belong_together_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        watched = Watched(tmp_path / "tls")
        async with watched.followed():
            wrong, right = AUTHORITY.issue(), AUTHORITY.issue()
            mount(watched.folder, Pair(wrong.certificate, right.key, wrong.serial))
            await until(lambda: watched.loads)
            assert watched.loads == [False]
            assert await watched.handshake() == watched.first.serial
            mount(watched.folder, right)
            await until(lambda: len(watched.loads) == 2)
            assert await watched.handshake() == right.serial

    run(check)

    assert "The certificate stays as it was" in caplog.text


def test_files_that_are_replaced_one_by_one_are_taken_together(tmp_path: Path) -> None:
    async def check() -> None:
        watched = Watched(tmp_path / "tls")
        second = AUTHORITY.issue()
        plain = TlsFiles(tmp_path / "certificate", tmp_path / "key")
        plain.certificate.write_bytes(watched.first.certificate)
        plain.key.write_bytes(watched.first.key)
        watched.certificates = Certificates(plain)
        async with watched.followed():
            plain.certificate.write_bytes(second.certificate)
            await asyncio.sleep(0.012)
            plain.key.write_bytes(second.key)
            await until(lambda: True in watched.loads)
            assert await watched.handshake() == second.serial

    run(check)


def test_grpc_follows_for_new_connections(tmp_path: Path) -> None:
    async def check() -> None:
        watched = Watched(tmp_path / "tls")
        server = grpc.aio.server()
        port = server.add_secure_port("127.0.0.1:0", watched.certificates.grpc_credentials())
        await server.start()
        async with watched.followed():
            assert await seen(port) == watched.first.serial
            second = AUTHORITY.issue()
            mount(watched.folder, second)
            await until(lambda: watched.loads)
            assert await seen(port) == second.serial
        await server.stop(None)

    run(check)


def test_grpc_requires_a_client_s_certificate(tmp_path: Path) -> None:
    authorities = AUTHORITY.write(tmp_path / "authorities")
    client = AUTHORITY.issue("anna")

    async def check() -> None:
        watched = Watched(tmp_path / "tls", authorities=authorities)
        server = grpc.aio.server()
        health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
        port = server.add_secure_port("127.0.0.1:0", watched.certificates.grpc_credentials())
        await server.start()
        known = grpc.ssl_channel_credentials(AUTHORITY.pem, client.key, client.certificate)
        async with grpc.aio.secure_channel(f"localhost:{port}", known) as channel:
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        unknown = grpc.ssl_channel_credentials(AUTHORITY.pem)
        async with grpc.aio.secure_channel(f"localhost:{port}", unknown) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
        await server.stop(None)

    run(check)


async def seen(port: int) -> str:
    trusting = ssl.create_default_context(cadata=AUTHORITY.pem.decode())
    trusting.set_alpn_protocols(["h2"])
    _, writer = await asyncio.open_connection("localhost", port, ssl=trusting)
    found = writer.get_extra_info("peercert")["serialNumber"]
    writer.close()
    assert isinstance(found, str)
    return found


def test_a_client_without_certificate_is_refused_or_not(tmp_path: Path) -> None:
    authorities = AUTHORITY.write(tmp_path / "authorities")

    async def check() -> None:
        strict = Watched(tmp_path / "strict", authorities=authorities)
        assert await strict.handshake(AUTHORITY.issue("anna"), tmp_path / "anna")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await strict.handshake()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await strict.handshake(Authority().issue("anna"), tmp_path / "stranger")
        lenient = Watched(tmp_path / "lenient", authorities=authorities, requires_client=False)
        assert await lenient.handshake()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await lenient.handshake(Authority().issue("anna"), tmp_path / "another")

    run(check)


def test_versions_and_ciphers_are_kept_to(tmp_path: Path) -> None:
    files = TlsFiles(*mount(tmp_path / "tls", AUTHORITY.issue()), minimum="1.3")
    assert files.context().minimum_version is ssl.TLSVersion.TLSv1_3
    cipher = "ECDHE-ECDSA-AES256-GCM-SHA384"
    chosen = TlsFiles(files.certificate, files.key, ciphers=cipher).context()
    older = [one["name"] for one in chosen.get_ciphers() if one["protocol"] == "TLSv1.2"]
    assert older == [cipher]


@pytest.mark.parametrize(
    ("ciphers", "told"),
    [
        ("ECDHE+AES256", "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"),
        ("ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("AES128-SHA", "ECDHE-PSK-CHACHA20-POLY1305"),
    ],
)
def test_grpc_is_told_the_ciphers_that_it_knows(tmp_path: Path, ciphers: str, told: str) -> None:
    files = TlsFiles(tmp_path / "unread.crt", tmp_path / "unread.key", ciphers=ciphers)

    assert files.environment == {"GRPC_SSL_CIPHER_SUITES": told}


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path / "none.crt", tmp_path / "none.key")

    with pytest.raises(CertificateError, match=r"none\.crt, .*none\.key cannot be used"):
        Loaded.of(files)
