"""More than the server can do: whatever is asked gets an answer, and probes get theirs."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.processes import Server
from tests.server.transport.wire import Wire, head

CLIENTS = 150
ROWS = json.dumps({"rows": [{"value": 1}] * 2_000}).encode()


def test_many_new_connections_are_answered_or_refused(hasty: Server) -> None:
    def ask(number: int) -> tuple[int, str]:
        with Wire(hasty.url) as wire:
            answer = wire.send(head(len(ROWS), f"new-{number}"), ROWS).answer()
        assert answer is not None
        assert answer.request_id == f"new-{number}"
        return answer.status, answer.headers.get("retry-after", "")

    with ThreadPoolExecutor(CLIENTS) as pool:
        asking = [pool.submit(ask, number) for number in range(CLIENTS)]
        probes = [
            httpx.get(hasty.url + path, timeout=5).status_code
            for path in ("/livez", "/readyz", "/metrics")
        ]
        told = [one.result() for one in asking]

    assert probes == [200, 200, 200]
    assert {status for status, _ in told} <= {200, 503, 504}
    assert all(bool(after) is (status == 503) for status, after in told)
