"""Requests that were made to be misread: every answer belongs to a request that was made."""

from tests.processes import Server
from tests.server.transport.misread import ASKED, CASES, FOREIGN, told
from tests.server.transport.wire import ROWS, Wire, head


def test_the_server_takes_what_is_clear_and_nothing_else(hasty: Server) -> None:
    statuses = {
        name: tuple(answer.status for answer in answers)
        for name, answers in told(hasty.url).items()
    }

    assert statuses == {name: case.statuses for name, case in CASES.items()}


def test_nobody_gets_an_answer_to_what_he_did_not_ask(way: str) -> None:
    for name, answers in told(way).items():
        ids = [answer.request_id for answer in answers]
        asked = [own_id for own_id in ids if own_id in ASKED]
        assert asked == list(ASKED[: len(asked)]), name
        # What follows is the request's body, for every reader.
        assert FOREIGN not in ids or not name.startswith(("upgrade", "hidden", "half")), name

    # Whoever shares the proxy's connections to the server gets what he asked for.
    for number in range(2 * len(CASES)):
        with Wire(way) as other:
            answer = other.send(head(len(ROWS), f"other-{number}") + ROWS).answer()
        assert answer is not None
        assert (answer.status, answer.request_id) == (200, f"other-{number}")
        assert answer.json() == [{"value": 4, "name": ""}]
