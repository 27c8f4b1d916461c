"""Where the server's certificate is, and how connections are encrypted by it."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from framework.files import file_state

GRPC_CIPHERS = "GRPC_SSL_CIPHER_SUITES"
"""Variable by which gRPC's library takes ciphers of TLS 1.2, when it is imported."""

# Those of OpenSSL that gRPC's BoringSSL has under the same name, and that are of use.
_KNOWN_TO_GRPC = {
    f"ECDHE-{key}-{cipher}"
    for key in ("ECDSA", "RSA")
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
}
# It takes a secret that both sides share beforehand, of which gRPC has none.
_NEVER_AGREED_ON = "ECDHE-PSK-CHACHA20-POLY1305"
_MINIMUM = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class TlsFiles:
    """Where the certificate is, and how connections are to be encrypted.

    Attributes:
        certificate: File of the certificate chain (PEM).
        key: File of its private key (PEM, without password).
        authorities: File of the certificates of those who sign clients' (PEM); None: clients are
            not asked for any.
        requires_client: Whether a client without certificate is refused.
        minimum: Least version of TLS.
        ciphers: Ciphers of TLS 1.2, in OpenSSL's words; its own choice if empty.
    """

    certificate: Path
    key: Path
    authorities: Path | None = None
    requires_client: bool = True
    minimum: Literal["1.2", "1.3"] = "1.2"
    ciphers: str = ""

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files."""
        return tuple(path for path in (self.certificate, self.key, self.authorities) if path)

    @property
    def environment(self) -> dict[str, str]:
        """Variables that have gRPC's library keep to version and ciphers.

        It has no setting for the least version, but 1.2 is not spoken where no cipher of it can be
        agreed on.
        """
        if self.minimum == "1.3":
            return {GRPC_CIPHERS: _NEVER_AGREED_ON}
        if not self.ciphers:
            return {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers(self.ciphers)
        named = [one["name"] for one in context.get_ciphers()]
        known = [name for name in named if name in _KNOWN_TO_GRPC]
        return {GRPC_CIPHERS: ":".join(known) or _NEVER_AGREED_ON}

    def state(self) -> tuple[object, ...]:
        """Returns what changes whenever one of them does, by a symbolic link too."""
        return tuple(file_state(path) for path in self.paths)

    def context(self) -> ssl.SSLContext:
        """Reads the files for HTTPS.

        Raises:
            OSError: They cannot be read, or do not belong together.
            ssl.SSLError: The same, or the ciphers are none.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = _MINIMUM[self.minimum]
        if self.ciphers:
            context.set_ciphers(self.ciphers)
        # A password would be asked for at the terminal.
        context.load_cert_chain(self.certificate, self.key, password="")
        if self.authorities:
            context.load_verify_locations(self.authorities)
            required = self.requires_client
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        return context
