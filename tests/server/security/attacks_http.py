"""Attacks over HTTP, Open Inference and Connect: what is sent, and how it may be answered."""

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from framework.discovery import find_models
from serving.grpc.typed import method_path, methods_of
from tests.server.security.conftest import Locked

GAUGES = find_models("tests.server.toy_models")["gauges"]
BODY = json.dumps({GAUGES.rows: GAUGES.sample[:1]}).encode()
assert GAUGES.descriptor is not None
METHOD = method_path(next(methods_of([GAUGES.descriptor])))
PREDICT, INFER = "/gauges/predict", "/v2/models/gauges/infer"

# The server answers it with the envelope, or the web server itself before there is a request.
REFUSED = frozenset({400, 401, 403, 404, 405, 413, 414, 415, 431, 501})
STRANGER = frozenset({400, 401, 404, 405, 414, 431})


@dataclass(frozen=True)
class Attack:
    """What is sent over one connection.

    Attributes:
        packets: The bytes, in packets of their own.
        allowed: The statuses that each answer may have.
        closes: Whether the server may close the connection without an answer.
    """

    packets: tuple[bytes, ...]
    allowed: frozenset[int] = STRANGER
    closes: bool = False


def request(
    path: str, *fields: str, method: str = "POST", body: bytes = BODY, length: bool = True
) -> bytes:
    """A request of HTTP/1.1."""
    lines = [f"{method} {path} HTTP/1.1", "host: here", "content-type: application/json", *fields]
    lines += [f"content-length: {len(body)}"] if length else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def get(path: str, *fields: str) -> bytes:
    """A request without body."""
    return request(path, *fields, method="GET", body=b"", length=False)


def _bearer(key: str) -> str:
    return f"authorization: Bearer {key}"


PATHS = {
    "two slashes": f"/{PREDICT}",
    "a dot in the path": "/./gauges/predict",
    "two dots in the path": "/gauges/../gauges/predict",
    "out of a public path": "/livez/../gauges/predict",
    "out of a public path, encoded": "/livez%2f..%2fgauges%2fpredict",
    "out of a probe of Open Inference": f"/v2/health/live/../../..{INFER}",
    "out of the page's files": "/docs-assets/../metrics",
    "out of the page's files, encoded": "/docs-assets/%2e%2e/metrics",
    "an encoded slash": "/gauges%2fpredict",
    "an encoded letter": "/%67auges/predict",
    "twice encoded": "/%2567auges/predict",
    "a slash at the end": f"{PREDICT}/",
    "a public path as query": f"{PREDICT}?/livez",
    "a public path behind a semicolon": f"{PREDICT};/livez",
    "a public path as fragment": f"{PREDICT}#/livez",
    "capital letters": "/GAUGES/predict",
    "a NUL at the end": f"{PREDICT}%00",
    "a line break in the path": f"{PREDICT}%0d%0ax:%201",
    "backslashes": "\\gauges\\predict",
    "a whole URL": f"http://livez{PREDICT}",
    "another host": f"http://127.0.0.1{PREDICT}",
    "letters that are none": "/gauges/predict\xff",
    "a very long path": f"{PREDICT}/{'a' * 70_000}",
}
"""Ways round a check of paths, by somebody without key."""

HEADERS: Mapping[str, tuple[str, ...]] = {
    "no scheme": ("authorization: anything",),
    "an empty key": ("authorization: Bearer",),
    "a key that says null": (_bearer("null"),),
    "a scheme of passwords": (f"authorization: Basic {base64.b64encode(b'admin:admin').decode()}",),
    "an empty X-API-Key": ("x-api-key: ",),
    "a user by a proxy's header": ("x-forwarded-user: admin", "x-remote-user: admin"),
    "an address by a proxy's header": ("x-forwarded-for: 127.0.0.1", "x-real-ip: 127.0.0.1"),
    "another method by a header": ("x-http-method-override: GET",),
    "another path by a header": ("x-original-url: /livez", "x-rewrite-url: /livez"),
    "a key in a cookie": ("cookie: authorization=Bearer ms_a",),
    "a token without signature": (
        _bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsInNjb3BlIjoiKiJ9."),
    ),
    "a credential of a megabyte": (_bearer("a" * 2**20),),
    "ten thousand headers": tuple(f"x-{number}: 1" for number in range(10_000)),
    "letters that are none in a key": (_bearer("ms_\xff\xfe"),),
    "wildcards as key": (_bearer("*"),),
    "a quote as key": (_bearer("' OR '1'='1"),),
}
"""What might pass for a credential, and is none."""


def forged(locked: Locked) -> dict[str, str]:
    """What can be made of a key by those who do not have it."""
    key = locked.everything
    start, own_id, rest = key.split("_", 2)
    # The first two that are not alike.
    at = next(at for at in range(len(rest)) if rest[at] != rest[at + 1])
    swapped = rest[:at] + rest[at + 1] + rest[at] + rest[at + 2 :]
    return {
        "a key less its end": key[:-1],
        "a key and a letter": f"{key}a",
        "a key and a NUL": f"{key}\0",
        "a key in capital letters": key.upper(),
        "two letters of a key exchanged": f"{start}_{own_id}_{swapped}",
        "the digest of a key": hashlib.sha256(key.encode()).hexdigest(),
        "the id of a key": own_id,
        "two keys": f"{key},{key}",
        "a key in quotes": f'"{key}"',
    }


def _chunked(path: str, *fields: str, trailer: str = "") -> bytes:
    head = request(path, "transfer-encoding: chunked", *fields, body=b"", length=False)
    return head + b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(BODY), BODY, trailer.encode())


def connections(locked: Locked) -> dict[str, Attack]:
    """Requests that hide behind others, or change their minds, on one connection."""
    key, weak = _bearer(locked.everything), _bearer(locked.by_scope["spans:predict"])
    hidden = request(PREDICT)
    # Whoever is let in may be answered; whoever comes behind may not.
    mixed = STRANGER | {200}
    return {
        "behind a request with a key": Attack((request(PREDICT, key) + hidden,), mixed),
        "behind an answer to a key": Attack((request(PREDICT, key), hidden), mixed),
        "in a body that is longer than it says": Attack(
            (get("/livez", f"content-length: {0}") + hidden,), mixed
        ),
        "two lengths": Attack((request(PREDICT, "content-length: 0"),), STRANGER, closes=True),
        "a length and chunks": Attack(
            (_chunked(PREDICT, "content-length: 4"),), STRANGER, closes=True
        ),
        "chunks that are none": Attack(
            (request(PREDICT, "transfer-encoding: x-chunked", length=False),), STRANGER, closes=True
        ),
        "a key in a trailer": Attack((_chunked(PREDICT, trailer=f"{key}\r\n"),)),
        "a header over two lines": Attack(
            (request(PREDICT, "authorization: Bearer\r\n null"),), STRANGER, closes=True
        ),
        "a space before a colon": Attack(
            (request(PREDICT, key.replace(":", " :", 1)),), STRANGER, closes=True
        ),
        "a NUL in a header": Attack((request(PREDICT, "x-a: \0"),), STRANGER, closes=True),
        "an upgrade to HTTP/2": Attack(
            (request(PREDICT, "connection: upgrade, http2-settings", "upgrade: h2c"),)
        ),
        "a tunnel": Attack(
            (b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: here\r\n\r\n",), REFUSED, closes=True
        ),
        "an echo": Attack((request("/metrics", method="TRACE", body=b""),)),
        "a probe that is posted": Attack((request("/livez"),), REFUSED),
        "HTTP/2 without a word": Attack(
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",), REFUSED, closes=True
        ),
        "noise": Attack((bytes(range(256)) * 16,), REFUSED, closes=True),
        "a preflight": Attack(
            (
                get(PREDICT, "origin: http://evil", "access-control-request-method: POST").replace(
                    b"GET", b"OPTIONS", 1
                ),
            ),
        ),
        "one key bad, one weak": Attack(
            (request(PREDICT, _bearer("ms_bad"), weak),), STRANGER | {403}
        ),
    }


def of_the_weak(locked: Locked) -> dict[str, Attack]:
    """What somebody tries whose key is for something else."""
    weak = _bearer(locked.by_scope["spans:predict"])
    only = frozenset({403, 404})
    paths = {
        "another's model": request(PREDICT, weak),
        "another's model over Open Inference": request(INFER, weak),
        "another's model over Connect": request(METHOD, weak),
        "what is told of another's model": get("/models/gauges", weak),
        "the metrics": get("/metrics", weak),
        "the page": get("/docs.json", weak),
        "labels": request("/feedback", weak),
        "a load": request("/v2/repository/models/gauges/load", weak, body=b"{}"),
        "an unload": request("/v2/repository/models/spans/unload", weak, body=b"{}"),
        "shared memory": request("/v2/systemsharedmemory/region/a/register", weak, body=b"{}"),
        "an author's application": get("/own/seen", weak),
        "an API of BentoML's own kind": request("/greet", weak, body=b'{"name":"a"}'),
        "a task": request("/later/submit", weak, body=b'{"number":1}'),
    }
    return {name: Attack((content,), only) for name, content in paths.items()}


def of_the_strong(locked: Locked) -> dict[str, Attack]:
    """Bodies by which somebody with a key wants to hurt the server."""
    key = _bearer(locked.everything)
    invalid = frozenset({400, 413, 415})
    deep = b"[" * 100_000 + b"]" * 100_000
    wrong = b'{"gauges":[' + b",".join([b'{"a":1}'] * 9_000) + b"]}"
    bomb = gzip.compress(b" " * 64 * 2**20)
    bodies: dict[str, tuple[tuple[str, ...], bytes]] = {
        "nesting without end": ((), b'{"gauges":' + deep + b"}"),
        "nesting where a number belongs": ((), b'{"gauges":[{"level":' + deep + b"}]}"),
        "a number of a million digits": ((), b'{"gauges":[{"level":' + b"9" * 10**6 + b"}]}"),
        "an exponent without end": ((), b'{"gauges":[{"level":1e999999999}]}'),
        "a number that is none": ((), b'{"gauges":[{"level":NaN}]}'),
        "half a character": ((), b'{"gauges":[{"level":"\\ud800"}]}'),
        "bytes that are no text": ((), b'{"gauges":[{"level":"\xff"}]}'),
        "nine thousand wrong rows": ((), wrong),
        "rows in place of an object": ((), b"[[[[1]]]]"),
        "a field of a megabyte": ((), b'{"' + b"a" * 2**20 + b'":1}'),
        "a bomb": (("content-encoding: gzip",), bomb),
        "a bomb that is none": (("content-encoding: gzip",), b"\x1f\x8b" + b"\0" * 100),
        "an encoding in an encoding": (("content-encoding: gzip, gzip",), bomb),
        "an encoding that is none": (("content-encoding: evil",), BODY),
        "a type that executes": (("content-type: application/vnd.bentoml+pickle",), b"\x80\x04N."),
    }
    return {
        name: Attack((request(PREDICT, key, *fields, body=body),), invalid)
        for name, (fields, body) in bodies.items()
    } | {
        "a tensor that is larger than it says": Attack(
            (request(INFER, key, body=_tensor([2**40], [1])),), invalid
        ),
        "a tensor of negative size": Attack(
            (request(INFER, key, body=_tensor([-1], [1])),), invalid
        ),
        "binary data that is not there": Attack(
            (request(INFER, key, "inference-header-content-length: 999999"),), invalid
        ),
    }


def _tensor(shape: list[int], data: list[float]) -> bytes:
    tensor = {"name": "level", "datatype": "FP64", "shape": shape, "data": data}
    return json.dumps({"inputs": [tensor]}).encode()


Makers = Mapping[str, Callable[[Locked], Mapping[str, Attack]]]

GROUPS: Makers = {
    "path": lambda _: {name: Attack((request(path),), closes=True) for name, path in PATHS.items()},
    "reading": lambda _: {
        name: Attack((get(path.replace(PREDICT, "/metrics")),), closes=True)
        for name, path in PATHS.items()
    },
    "header": lambda _: {
        name: Attack((request(PREDICT, *fields),), closes=True) for name, fields in HEADERS.items()
    },
    "forged": lambda locked: {
        name: Attack((request(PREDICT, _bearer(key)),), closes=True)
        for name, key in forged(locked).items()
    },
    "Connect": lambda _: {
        "nobody": Attack((request(METHOD),)),
        "by GET": Attack((get(f"{METHOD}?encoding=json&message=%7B%7D&connect=v1"),)),
        "another version": Attack((request(METHOD, "connect-protocol-version: 9"),)),
        "gRPC-Web": Attack((request(METHOD, "content-type: application/grpc-web"),)),
        "out of a service": Attack((request("/grpc.health.v1.Health/../gauges/predict"),)),
    },
    "connection": connections,
    "weak": of_the_weak,
    "strong": of_the_strong,
}
"""Group → the attacks in it, by name."""
