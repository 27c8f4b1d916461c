"""Settings of the ports: where they are, what connects to them, and how it is encrypted."""

from typing import Literal, Self

from pydantic import AliasChoices, Field, FilePath, model_validator

from framework.connections import ConnectionLimits
from serving.settings.group import Group, Seconds
from serving.settings.spelling import PREFIX
from serving.tls.files import TlsFiles


class Listening(Group):
    """The ports, and what connects to them."""

    grpc_port: int = Field(
        default=3001,
        ge=0,
        le=65_535,
        validation_alias=AliasChoices(f"{PREFIX}GRPC_PORT", "GRPC_PORT"),
    )
    """Port for gRPC, shared by all workers; 0 switches gRPC off. `GRPC_PORT` sets it too."""

    grpc_host: str = ""
    """Address that gRPC listens on; `bentoml serve --host` is HTTP's alone. If empty, all there
    are, or loopback alone where anybody might ask."""

    max_connections: int = Field(default=10_000, ge=16, le=60_000)
    """Most connections that may be open to HTTP in one worker; a further one is answered 503."""

    client_connections: int = Field(default=0, ge=0, le=60_000)
    """Connections from one address to HTTP in one worker; more are answered 429; 0 is no limit."""

    keep_alive_seconds: Seconds = Field(default=5, ge=0.1)
    """Time after which a connection that brings no further request is closed."""

    max_head_bytes: int = Field(default=65_536, ge=4_096, le=2**20)
    """Most bytes that may follow of a request's head (its path and headers) after the packet that
    it began in; more are answered 431."""

    tls_certificate: FilePath | None = None
    """File with the certificate chain (PEM) for HTTPS and for gRPC over TLS."""

    tls_key: FilePath | None = None
    """File with the certificate's private key (PEM, without password)."""

    tls_client_ca: FilePath | None = None
    """File with the certificates (PEM) of those who sign clients' certificates; without it clients
    are asked for none."""

    tls_client_auth: Literal["required", "optional"] = "required"
    """Whether a client without certificate is refused. gRPC asks for none where it is optional."""

    tls_minimum: Literal["1.2", "1.3"] = "1.2"
    """Least version of TLS."""

    tls_ciphers: str = ""
    """Ciphers of TLS 1.2, in OpenSSL's words; if empty, those of the library. gRPC has those of
    ECDHE with AES-GCM or ChaCha20."""

    @property
    def connections(self) -> ConnectionLimits:
        """Bounds on the connections to HTTP."""
        return ConnectionLimits(
            self.max_connections,
            self.client_connections,
            self.keep_alive_seconds,
            self.max_head_bytes,
        )

    @property
    def tls(self) -> TlsFiles | None:
        """Where the certificate is, if connections are encrypted."""
        if not (self.tls_certificate and self.tls_key):
            return None
        return TlsFiles(
            # Not resolved: they may be links, which are changed.
            self.tls_certificate.absolute(),
            self.tls_key.absolute(),
            self.tls_client_ca and self.tls_client_ca.absolute(),
            self.tls_client_auth == "required",
            self.tls_minimum,
            self.tls_ciphers,
        )

    @property
    def ssl(self) -> dict[str, str | bool]:
        """The `ssl` configuration of a BentoML service."""
        if not (files := self.tls):
            return {"enabled": False}
        return {"enabled": True, "certfile": str(files.certificate), "keyfile": str(files.key)}

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError(f"{PREFIX}TLS_CERTIFICATE and {PREFIX}TLS_KEY go together")
        if self.tls_client_ca and not self.tls_certificate:
            raise ValueError(f"{PREFIX}TLS_CLIENT_CA needs {PREFIX}TLS_CERTIFICATE")
        if files := self.tls:
            try:
                files.context()
            except OSError as error:
                names = ", ".join(map(str, files.paths))
                raise ValueError(
                    f"{PREFIX}TLS_CERTIFICATE, {PREFIX}TLS_KEY, {PREFIX}TLS_CLIENT_CA and "
                    f"{PREFIX}TLS_CIPHERS ({names}) cannot be used: {error}"
                ) from None
        return self
