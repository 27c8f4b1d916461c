"""Promotions and the gate: commands in processes of their own, on real models."""

import json
from pathlib import Path

from framework.gate import GATE_FILE
from framework.pointer import CHAMPION, read_pointer
from tests.unit.registry.made import NAME, done, told

V1, V2, V3 = (f"{NAME}:v{number}" for number in (1, 2, 3))
FORCED = "--force --reason because"
Tables = tuple[Path, Path]


def tag_of(home: Path, alias: str = CHAMPION) -> str:
    return {str(one): standing.tag for one, standing in read_pointer(home).models[NAME].items()}[
        alias
    ]


def test_what_is_better_is_promoted_and_the_history_keeps_why(home: Path) -> None:
    (shown, _, history), _ = told(home, f"show {NAME}", f"promote {V2}", f"history {NAME}")

    stored = json.loads((home / "models" / NAME / "v2" / GATE_FILE).read_text())
    assert {one["tag"]: one["gate"] for one in shown} == {V1: None, V2: stored}
    assert (stored["champion"], stored["passed"]) == (V1, True)
    assert tag_of(home) == V2
    assert [(one["action"], one["to"], one["gate"]) for one in history] == [
        ("register", V1, None),
        ("register", V2, stored),
        ("promote", V2, stored),
    ]


def test_what_is_not_better_is_kept_with_the_reason_and_promoted_by_force_alone(
    home: Path, tables: Tables
) -> None:
    done(home, "promote", V2)
    done(home, "train", "v3", str(tables[1]))

    _, (failed, unreasoned) = told(home, f"promote {V3}", f"promote {V3} --force", code=2)
    assert f"{V3} has not passed the gate against {V2}: " in failed
    assert "Brier score" in failed
    assert f"`python -m registry gate {V3} --data FILE`" in failed
    assert "wants a reason" in unreasoned
    assert (tag_of(home), tag_of(home, "challenger")) == (V2, V3)

    (*_, history), _ = told(
        home,
        f"promote {V3} --as shadow",
        f"promote {V3} {FORCED}",
        f"rollback {NAME}",
        f"history {NAME}",
    )
    forced = history[-2]
    assert (forced["action"], forced["to"], forced["reason"]) == ("force", V3, "because")
    assert forced["gate"]["passed"] is False
    assert tag_of(home) == V2


def test_a_comparison_holds_for_the_champion_that_it_was_made_with(
    home: Path, tables: Tables
) -> None:
    done(home, "train", "v3", str(tables[0]))

    (_, anew, _, again, _, history), (stale, refused) = told(
        home,
        f"promote {V2}",
        f"promote {V3}",
        f"gate {V3}",
        f"promote {V3}",
        f"promote {V1} {FORCED}",
        f"gate {V3} --data {tables[0]}",
        f"promote {V3}",
        f"history {NAME}",
        code=2,
    )

    assert f"{V3} was compared with {V1}, but {V2} is the champion now" in stale
    # Twins: the same rows, the same recipe.
    assert (anew["champion"], anew["passed"]) == (V2, False)
    assert f"{V3} has not passed the gate against {V2}: not better: " in refused
    assert (again["champion"], again["passed"]) == (V1, True)
    assert [(one["action"], one["to"]) for one in history[3:]] == [
        ("promote", V2),
        ("gate", V3),
        ("force", V1),
        ("gate", V3),
        ("promote", V3),
    ]
    assert history[-1]["gate"] == again
    assert tag_of(home) == V3


def test_a_champion_of_the_same_name_in_another_store_is_another(
    home: Path, tables: Tables
) -> None:
    other = home.with_name("other")
    done(other, "train", "v1", str(tables[0]))
    done(other, "list")
    (home / "models" / NAME / "v2").rename(other / "models" / NAME / "v2")

    assert f"another {V1} than this registry has" in done(other, "promote", V2, code=2)


def test_what_cannot_be_compared_is_said_and_leaves_no_trace(home: Path, tables: Tables) -> None:
    gone = tables[0].with_name("gone.csv")

    ((history,), (itself, inexact, unreadable)) = told(
        home,
        f"gate {V1}",
        f"gate {NAME}",
        f"gate {V2} --data {gone}",
        f"history {NAME}",
        code=2,
    )

    assert f"{V1} is the champion; there is nothing to compare it with" in itself
    assert "no exact tag" in inexact
    assert f"{gone}: cannot be read" in unreadable
    assert len(history) == 2


def test_a_refused_gate_ends_with_1(home: Path, tables: Tables) -> None:
    (found,), _ = told(home, f"gate {V2} --data {tables[1]}", code=1)

    assert found["passed"] is False
