"""What only some servers need, and takes memory: loaded where the settings ask for it."""

from typing import TYPE_CHECKING

from serving.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.access.tokens import Tokens
    from serving.limits.allowance import Allowance
    from serving.tls.certificates import Certificates
    from serving.tracing import Tracing


def tracing_of(service: str, settings: Settings) -> "Tracing | None":
    """Makes the spans of a service's requests, if any are traced."""
    if not settings.trace_share:
        return None
    from serving.tracing import Tracing

    return Tracing(service, settings.trace_share)


def certificates_of(settings: Settings) -> "Certificates | None":
    """Reads the server's certificate, if there is one.

    Raises:
        CertificateError: It cannot be used.
    """
    if settings.tls is None:
        return None
    from serving.tls.certificates import Certificates

    return Certificates(settings.tls)


def tokens_of(settings: Settings, allow: "Callable[[str], Allowance | None]") -> "Tokens | None":
    """Makes what verifies tokens, if any are taken.

    Args:
        settings: Whose tokens.
        allow: Returns how much a caller may ask for, by its id.
    """
    if not settings.jwt_issuer:
        return None
    from serving.access.tokens import Tokens

    return Tokens(settings, allow)
