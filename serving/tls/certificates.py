"""The server's certificate: read anew when its files change, for connections that come later."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import grpc
from cryptography import x509

from serving.tls.files import TlsFiles
from serving.tls.metrics import CertificateMetrics

logger = logging.getLogger("bentoml.serving")

LOOK_SECONDS = 1.0
"""How often the files are looked at."""

# Files are replaced one after the other.
_ATTEMPTS, _ATTEMPT_SECONDS = 10, 0.05


OnLoad = Callable[[bool, float], object]


class CertificateError(Exception):
    """A certificate cannot be used; the message names the files, and says why."""


@dataclass(frozen=True)
class Loaded:
    """A certificate that can be used.

    Attributes:
        context: For HTTPS.
        grpc: For gRPC.
        expires: When it, or the first of its chain, expires, in seconds since 1970.
    """

    context: ssl.SSLContext
    grpc: grpc.ServerCertificateConfiguration
    expires: float

    @classmethod
    def of(cls, files: TlsFiles) -> Self:
        """Reads the files.

        Raises:
            CertificateError: They cannot be read, or do not belong together.
        """
        try:
            context = files.context()
            chain, key = files.certificate.read_bytes(), files.key.read_bytes()
            authorities = files.authorities.read_bytes() if files.authorities else None
            certificates = x509.load_pem_x509_certificates(chain)
        except (OSError, ValueError) as error:
            names = ", ".join(map(str, files.paths))
            raise CertificateError(f"{names} cannot be used: {error}") from None
        return cls(
            context,
            grpc.ssl_server_certificate_configuration([(key, chain)], authorities),
            min(one.not_valid_after_utc.timestamp() for one in certificates),
        )


class Certificates:
    """The certificate of this moment.

    Args:
        files: Where it is.

    Attributes:
        loaded: The certificate.

    Raises:
        CertificateError: It cannot be used.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._seen = files.state()
        self.loaded = Loaded.of(files)

    def context(self) -> ssl.SSLContext:
        """Returns what the next connection over HTTPS is encrypted by."""
        return self.loaded.context

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """Makes credentials for gRPC that follow the certificate.

        gRPC asks for a client's certificate only where it requires one.
        """
        given = self.loaded

        def changed() -> grpc.ServerCertificateConfiguration | None:
            """Called for each handshake, in gRPC's own threads."""
            nonlocal given
            if given is self.loaded:
                return None
            given = self.loaded
            return given.grpc

        files = self._files
        required = bool(files.authorities and files.requires_client)
        # The stubs do not know that it may be told of no change.
        return grpc.dynamic_ssl_server_credentials(given.grpc, changed, required)  # type: ignore[arg-type]

    def follow(self, *, counted: bool) -> "asyncio.Task[None]":
        """Begins to follow the files; to be called on the event loop.

        Args:
            counted: Whether the metrics tell of it.
        """
        on_load = CertificateMetrics(self.loaded.expires).read_anew if counted else _uncounted
        return asyncio.create_task(self.watch(on_load))

    async def watch(self, on_load: OnLoad) -> None:
        """Follows the files until it is cancelled; what cannot be used changes nothing.

        Args:
            on_load: Called when they have changed, and told whether they could be used, and when
                the certificate of now expires.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            state = await asyncio.to_thread(self._files.state)
            if state == self._seen:
                continue
            try:
                self._seen, self.loaded = await self._load(state)
            except CertificateError as error:
                self._seen = state
                logger.error("The certificate stays as it was: %s", error)
                on_load(False, self.loaded.expires)
            else:
                logger.info("%s: there is a new certificate", self._files.certificate)
                on_load(True, self.loaded.expires)

    async def _load(self, state: tuple[object, ...]) -> tuple[tuple[object, ...], Loaded]:
        """Reads the files once all of them have been written."""
        for attempt in range(_ATTEMPTS):
            try:
                loaded = await asyncio.to_thread(Loaded.of, self._files)
            except CertificateError:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                now = await asyncio.to_thread(self._files.state)
                if now == state:
                    return state, loaded
                state = now
            await asyncio.sleep(_ATTEMPT_SECONDS)
        raise CertificateError(f"{self._files.certificate} changes all the time")


def _uncounted(_: bool, __: float) -> None:
    """Tells nobody."""
