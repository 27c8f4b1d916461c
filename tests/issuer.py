"""An issuer of tokens that only tests trust: its keys, and where they are fetched."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISSUER, AUDIENCE = "https://issuer.example.com", "models"


class Issuer:
    """Signs tokens.

    Attributes:
        keys: Name → private key, of those that it publishes.
    """

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {
            "rsa": rsa.generate_private_key(public_exponent=65_537, key_size=2_048),
            "ec": ec.generate_private_key(ec.SECP256R1()),
        }

    def public(self) -> dict[str, Any]:
        """The set of public keys (JWKS)."""
        return {"keys": [_public(name, key) for name, key in self.keys.items()]}

    def token(
        self,
        scope: object = "gauges:predict",
        key: str = "rsa",
        headers: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Makes a token, valid for a minute unless a claim says otherwise; None leaves one out."""
        now = time.time()
        usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "somebody", "exp": now + 60, "iat": now}
        told = {name: one for name, one in {**usual, "scope": scope, **claims}.items() if one}
        algorithm = "ES256" if isinstance(self.keys[key], ec.EllipticCurvePrivateKey) else "RS256"
        head = {name: one for name, one in {"kid": key, **(headers or {})}.items() if one}
        return jwt.encode(told, self.keys[key], algorithm, head)

    @contextlib.contextmanager
    def serve(self) -> Iterator["Published"]:
        """Publishes the keys over HTTP."""
        published = Published(self)
        published.thread.start()
        try:
            yield published
        finally:
            published.open.set()
            published.server.shutdown()
            published.thread.join()
            published.server.server_close()


class Published:
    """Where the keys are.

    Attributes:
        open: Whether the server answers; if not, those who ask wait.
        waiting: Set when somebody does.
        status: HTTP status of its answers.
    """

    def __init__(self, issuer: Issuer) -> None:
        self.open, self.waiting = threading.Event(), threading.Event()
        self.open.set()
        self.status = 200
        published = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not published.open.is_set():
                    published.waiting.set()
                    published.open.wait(60)
                content = json.dumps(issuer.public()).encode()
                with contextlib.suppress(OSError):
                    self.send_response(published.status)
                    self.send_header("content-length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where the keys are fetched."""
        return f"http://127.0.0.1:{self.server.server_port}/keys"


def _public(name: str, key: Any) -> dict[str, Any]:
    kind = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else None
    made = (kind or jwt.algorithms.RSAAlgorithm).to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": name, "use": "sig"}
