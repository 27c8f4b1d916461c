"""The generators and the arithmetic of the load tests: a benchmark must not be wrong itself."""

import asyncio
import re
import threading
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from load_tests import compare, h2load, matrix, open_loop, wrk
from load_tests.cells import FULL, QUICK, Cell, Plan, cell, chosen, planned
from load_tests.plots import draw
from load_tests.report import internals, internals_of, users
from load_tests.results import Measurement, Results, rate
from load_tests.scenarios import ONE, title
from load_tests.targets import targets
from load_tests.watch import buckets
from tests.tools import require_tool

CELL = cell("table-1", 32)


def measured(system: str, number: int, rps: float, status: int = 0) -> Measurement:
    latency = dict.fromkeys(wrk.PERCENTILES, 1.0)
    return Measurement(system, CELL, number, 1.0, 100, rps, latency, {"status": status}, 1)


def test_wrk_output_is_read_and_only_good_answers_count() -> None:
    output = (
        'Running 1s test\nJSON {"requests": 100, "seconds": 2.0, "p50": 1.0, "p90": 2.0, '
        '"p99": 3.0, "p99.9": 4.0, "max": 5.0, "connect": 0, "read": 0, "write": 0, '
        '"timeout": 1, "status": 20}\n'
    )
    seen = wrk.parse(output)
    assert seen.rate == 40
    assert seen.failed == 21
    with pytest.raises(RuntimeError, match="wrk failed"):
        wrk.parse("", "unable to connect")


def test_h2load_output_is_read_and_failed_calls_count() -> None:
    output = (
        "finished in 2.00s, 4030.50 req/s, 250.00KB/s\n"
        "requests: 8061 total, 8093 started, 8061 done, 8050 succeeded, 11 failed, 0 errored, "
        "0 timeout\n"
    )
    seen = h2load.parse(output)
    assert (seen.calls, seen.rate, seen.failed) == (8061, 4030.5, 11)
    with pytest.raises(RuntimeError, match="h2load failed"):
        h2load.parse("", "could not connect")


def test_ratios_are_taken_within_a_round() -> None:
    results = Results()
    for number, (first, second) in enumerate([(100.0, 50.0), (300.0, 100.0), (40.0, 10.0)]):
        results.measurements += [
            measured("server", number, first),
            measured("fastapi-tuned", number, second),
        ]
    ratio = results.ratio(("server", CELL, rate), ("fastapi-tuned", CELL, rate))
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high) == (3, 2, 4)
    verdicts = {one.measure: one.verdict for one in targets(results)}
    row = title("table-1")
    assert verdicts[f"{row}: requests/s, server / fastapi-tuned"] == "MISSED"
    assert verdicts[f"{row}: requests/s, server / empty"] == "not measured"


def test_two_checkouts_are_compared_within_each_round() -> None:
    table = compare.table({"a load": {"new": [20.0, 30.0, 90.0], "old": [10.0, 60.0, 30.0]}})
    shown = [next(iter(column.cells)) for column in table.columns]
    assert shown == ["a load", "30 (10 to 60)", "30 (20 to 90)", "2.00 (0.50 to 3.00)"]


def test_a_bad_answer_is_a_failure_of_the_run() -> None:
    results = Results()
    results.measurements.append(measured("server", 1, 100.0, status=3))
    assert results.failures() == [f"server, {CELL}, round 1: 3 status"]
    assert str(Cell("some-1", 32, 2)) == "some-1 @32, 2 workers"


def test_a_page_and_its_plots_have_one_name(tmp_path: Path) -> None:
    results = Results()
    for connections in (1, 32):
        found = replace(measured("server", 1, 100.0), cell=Cell(ONE.name, connections, 1))
        results.measurements.append(found)
    page = tmp_path / "another.md"
    drawn = draw(results, page)
    details = internals_of(page)
    page.write_text(users.render(results, {"date": "today"}, matrix.QUICK, drawn, details), "utf-8")
    details.write_text(internals.render(results, matrix.QUICK, page), "utf-8")
    pictures = re.findall(r"\]\((.*\.svg)\)", page.read_text(encoding="utf-8"))
    assert pictures == ["another-throughput.svg", "another-latency.svg"]
    assert {path.name for path in tmp_path.iterdir()} == {page.name, details.name, *pictures}


@pytest.mark.parametrize("plan", [FULL, QUICK])
def test_every_plan_measures_what_the_targets_need(plan: Plan) -> None:
    wanted = {"empty", "fastapi-guide", "fastapi-tuned", "bentoml-stock", "server"}
    assert wanted <= set(plan[Cell("table-1", 32, 1)])
    assert set(plan[Cell("text-1", 32, 1)]) >= {"fastapi-tuned", "server"}


def test_a_part_of_a_plan_has_what_was_asked_for_and_is_served() -> None:
    plan = planned(FULL, {"table": ["grapes"], "text": ["mail"], "other": ["sums", "more"]})
    others = {cell.scenario for cell in plan} - {"grapes-1", "grapes-100", "grapes-1000", "mail-1"}
    assert others == {"sums-1", "more-1"}
    serving = {"server": ["grapes", "mail"], "empty": ["grapes"]}
    part = chosen(plan, serving, ["grapes-1", "mail-1"])
    assert part[Cell("mail-1", 1, 1)] == ["server"]
    assert part[Cell("grapes-1", 1, 1)] == ["empty", "server"]
    assert {cell.scenario for cell in part} == {"grapes-1", "mail-1"}


def test_buckets_are_differences_of_cumulative_counts() -> None:
    def text(*counts: int) -> str:
        bounds = ("1.0", "2.0", "+Inf")
        return "\n".join(
            f'rows_bucket{{le="{bound}",route="/a"}} {count}.0'
            for bound, count in zip(bounds, counts, strict=True)
        )

    assert buckets(text(1, 1, 1), text(4, 9, 10), "rows", "/a") == {"1.0": 3, "2.0": 5, "+Inf": 1}


def test_the_open_loop_charges_a_stall_to_every_request_that_was_due() -> None:
    async def run() -> open_loop.Opened:
        stalled, ended = asyncio.Event(), asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            number = 0
            while head := await reader.readline():
                while (line := await reader.readline()) != b"\r\n":
                    head += line
                await reader.readexactly(int(head.split(b"Content-Length: ")[1].split()[0]))
                if not stalled.is_set():
                    stalled.set()
                    await asyncio.sleep(0.3)
                number += 1
                refused = b"HTTP/1.1 503 No\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
                good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
                writer.write(refused if number % 10 == 0 else good)
            writer.close()
            ended.set()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            generator = open_loop.Generator(
                f"http://127.0.0.1:{port}/x", [b"{}"], rate=200, seconds=0.5, connections=1
            )
            seen = await asyncio.to_thread(generator.run)
            await asyncio.wait_for(ended.wait(), 5)
        return seen

    seen = asyncio.run(run())
    assert len(seen.answers) == 100
    assert seen.count(503) == 10
    assert all(one.retry_after for one in seen.answers if one.status == 503)
    # One connection, stalled for 0.3 s: the 60 requests due meanwhile all waited.
    assert seen.most_waiting >= 30
    assert sum(one.seconds > 0.1 for one in seen.answers) >= 30


@pytest.mark.parametrize(
    ("content_type", "lines", "bodies"),
    [
        ("application/json", ['{"a": 1}', '{"a": 2}'], {b'{"a": 1}', b'{"a": 2}'}),
        ("application/proto", ["0a0d00ff", "0A"], {b"\n\r\x00\xff", b"\n"}),
    ],
)
def test_wrk_sends_the_bodies_of_a_file_in_turn(
    content_type: str, lines: list[str], bodies: set[bytes], tmp_path: Path
) -> None:
    require_tool("wrk")
    path = tmp_path / "bodies"
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    told = Counter[tuple[str, bytes]]()

    class Listening(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told[self.headers["Content-Type"], body] += 1
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listening) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}/x"
        seen = wrk.run(url, path, connections=2, seconds=1, content_type=content_type)
        server.shutdown()
        serving.join()
    assert seen.failed == 0
    assert told.keys() == {(content_type, body) for body in bodies}


def test_an_uneven_round_is_measured_again_and_the_evener_one_counts() -> None:
    def kept(*unevenness: float, again: bool = True) -> matrix.Round:
        rounds = [
            matrix.Round([measured("server", 1, rps)], one)
            for rps, one in enumerate(unevenness, start=1)
        ]
        return matrix.evened(lambda _: rounds.pop(0), lambda _: None, again=again)

    assert kept(1.2).measurements[0].rate == 1
    assert not kept(1.2).repeated
    assert not kept(1.4, again=False).repeated
    for first, second, rps in ((1.4, 1.1, 2), (1.4, 1.6, 1)):
        found = kept(first, second)
        assert (found.repeated, found.unevenness) == (True, min(first, second))
        assert found.measurements[0].rate == rps


def test_other_protocols_are_compared_within_each_round() -> None:
    results = Results()
    rates = {"server over gRPC": [6.0, 1.0, 8.0], "empty-grpc over gRPC": [10.0, 10.0, 10.0]}
    results.extras["calls"] = {"rates": rates, "problems": []}
    verdicts = {one.measure: (one.measured, one.verdict) for one in targets(results)}
    empty = "one row: answers/s, server over gRPC / empty-grpc over gRPC"
    peer = "one row: answers/s, server over gRPC / mlserver over gRPC"
    assert verdicts[empty] == ("0.60 (0.10 to 0.80)", "reached")
    assert verdicts[peer] == ("-", "not measured")
