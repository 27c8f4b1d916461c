"""A certificate that changes under load, on both ports and in all workers."""

import contextlib
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest

from deploy.processes import wait_until
from tests.certificates import Authority, Pair, mount
from tests.processes import Server
from tests.server.starting import PLANE
from tests.server.test_grpc_start import BODY, MODEL, predict

AUTHORITY = Authority()
DEADLINE_SECONDS = 30
# The kernel chooses a worker for each connection: so many meet both.
CONNECTIONS = 30
CIPHER, OTHER_CIPHER = "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"

pytestmark = pytest.mark.usefixtures("toys_served")


@dataclass
class Encrypted:
    """A server of two workers, and the folder that its certificate is mounted in."""

    server: Server
    folder: Path
    authority: Path

    @property
    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.authority)

    def over_http(self) -> None:
        """Asks over a new connection."""
        url = f"{self.server.url}/{MODEL.name}/predict"
        httpx.post(url, json=BODY, verify=self.trusting, timeout=20).raise_for_status()

    def over_grpc(self) -> None:
        """The same."""
        credentials = grpc.ssl_channel_credentials(AUTHORITY.pem)
        # Without a pool of its own it would use the connection of the one before.
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.secure_channel(self.server.grpc, credentials, options) as channel:
            predict(channel)

    def seen(self) -> set[tuple[str, str]]:
        """Port and serial number of all certificates that are shown now."""
        return {
            (name, serial(address, self.trusting, protocol))
            for name, address, protocol in (
                ("http", self.server.url.removeprefix("https://"), "http/1.1"),
                ("grpc", self.server.grpc, "h2"),
            )
            for _ in range(CONNECTIONS)
        }

    def wait_until_seen(self, pair: Pair) -> None:
        """Waits until all workers show a certificate on both ports."""
        wanted = {("http", pair.serial), ("grpc", pair.serial)}
        wait_until(lambda: self.seen() == wanted, DEADLINE_SECONDS, "it was not shown")

    def metric(self, name: str) -> float:
        text = httpx.get(f"{self.server.url}/metrics", verify=self.trusting).text
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def serial(address: str, trusting: ssl.SSLContext, protocol: str) -> str:
    host, _, port = address.rpartition(":")
    context = trusting
    context.set_alpn_protocols([protocol])
    with (
        socket.create_connection((host, int(port)), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        certificate = encrypted.getpeercert()
    assert certificate is not None
    return str(certificate["serialNumber"])


@pytest.fixture(scope="module")
def first() -> Pair:
    return AUTHORITY.issue()


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory, first: Pair) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("tls")
    authority = AUTHORITY.write(folder / "ca.crt")
    certificate, key = mount(folder / "mounted", first)
    settings = {
        "MODEL_SERVER_TLS_CERTIFICATE": str(certificate),
        "MODEL_SERVER_TLS_KEY": str(key),
        "MODEL_SERVER_TLS_CLIENT_CA": str(authority),
        "MODEL_SERVER_TLS_CLIENT_AUTH": "optional",
        "MODEL_SERVER_TLS_CIPHERS": CIPHER,
    }
    start = Server.start(PLANE, workers=2, environment=settings, certificate=authority)
    with start as server:
        yield Encrypted(server, folder / "mounted", authority)


def agreed(
    address: str, protocol: str, version: ssl.TLSVersion, ciphers: str
) -> tuple[str, str] | None:
    """Returns the version and the cipher of a new connection; None if none is agreed on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=AUTHORITY.pem.decode())
    context.minimum_version = context.maximum_version = version
    context.set_ciphers(ciphers)
    context.set_alpn_protocols([protocol])
    host, _, port = address.rpartition(":")
    try:
        with (
            socket.create_connection((host, int(port)), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as encrypted,
        ):
            cipher, spoken, _ = encrypted.cipher() or ("", "", 0)
    except (ssl.SSLError, ConnectionError):
        return None
    return spoken, cipher


@contextlib.contextmanager
def asked(*requests: Callable[[], None]) -> Iterator[Counter[str]]:
    """Has requests made again and again; counts what comes of them."""
    outcomes: Counter[str] = Counter()
    ended = threading.Event()

    def ask(request: Callable[[], None]) -> None:
        while not ended.is_set():
            try:
                request()
            except Exception as error:  # noqa: BLE001 - each is counted
                outcomes[repr(error)] += 1
            else:
                outcomes["answered"] += 1

    threads = [threading.Thread(target=ask, args=(one,)) for one in requests]
    for thread in threads:
        thread.start()
    try:
        yield outcomes
    finally:
        ended.set()
        for thread in threads:
            thread.join(DEADLINE_SECONDS)


def test_no_request_fails_while_the_certificate_changes(encrypted: Encrypted, first: Pair) -> None:
    assert encrypted.seen() == {("http", first.serial), ("grpc", first.serial)}

    with asked(encrypted.over_http, encrypted.over_grpc) as outcomes:
        for _ in range(2):
            following = AUTHORITY.issue()
            mount(encrypted.folder, following)
            encrypted.wait_until_seen(following)

    assert set(outcomes) == {"answered"}
    assert outcomes["answered"] > 20
    # A worker that looks up late finds the last one alone.
    loaded = 'model_server_tls_reloads_total{outcome="loaded"}'
    assert 2 <= encrypted.metric(loaded) <= 4


def test_a_pair_that_cannot_be_used_changes_nothing(encrypted: Encrypted) -> None:
    before = encrypted.seen()
    wrong, other = AUTHORITY.issue(days=5), AUTHORITY.issue(days=5)
    expires = encrypted.metric("model_server_tls_expiry_timestamp_seconds")

    mount(encrypted.folder, Pair(wrong.certificate, other.key, wrong.serial))
    refused = 'model_server_tls_reloads_total{outcome="refused"}'
    wait_until(lambda: encrypted.metric(refused) == 2, DEADLINE_SECONDS, "nobody noticed")

    assert encrypted.seen() == before
    assert encrypted.metric("model_server_tls_expiry_timestamp_seconds") == expires
    assert "The certificate stays as it was" in encrypted.server.output()


def test_a_client_of_another_authority_is_refused(encrypted: Encrypted, tmp_path: Path) -> None:
    trusting = encrypted.trusting
    trusting.load_cert_chain(*mount(tmp_path / "client", AUTHORITY.issue("anna")))
    answer = httpx.get(f"{encrypted.server.url}/livez", verify=trusting)
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"

    foreign = encrypted.trusting
    foreign.load_cert_chain(*mount(tmp_path / "stranger", Authority().issue("anna")))
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{encrypted.server.url}/livez", verify=foreign)


def test_both_ports_keep_to_the_ciphers(encrypted: Encrypted) -> None:
    older = ssl.TLSVersion.TLSv1_2
    for address, protocol in (
        (encrypted.server.url.removeprefix("https://"), "http/1.1"),
        (encrypted.server.grpc, "h2"),
    ):
        assert agreed(address, protocol, older, f"{OTHER_CIPHER}:{CIPHER}") == ("TLSv1.2", CIPHER)
        assert agreed(address, protocol, older, OTHER_CIPHER) is None
        assert agreed(address, protocol, ssl.TLSVersion.TLSv1_3, OTHER_CIPHER) is not None


def test_both_ports_keep_to_the_least_version(tmp_path: Path) -> None:
    certificate, key = mount(tmp_path / "tls", AUTHORITY.issue())
    settings = {
        "MODEL_SERVER_TLS_CERTIFICATE": str(certificate),
        "MODEL_SERVER_TLS_KEY": str(key),
        "MODEL_SERVER_TLS_MINIMUM": "1.3",
    }
    authority = AUTHORITY.write(tmp_path / "ca.crt")

    with Server.start(PLANE, environment=settings, certificate=authority) as server:
        for address, protocol in (
            (server.url.removeprefix("https://"), "http/1.1"),
            (server.grpc, "h2"),
        ):
            assert agreed(address, protocol, ssl.TLSVersion.TLSv1_2, "DEFAULT") is None
            version, _ = agreed(address, protocol, ssl.TLSVersion.TLSv1_3, "DEFAULT") or ("", "")
            assert version == "TLSv1.3"
