"""The page of decisions, which people search by its index."""

import re

from deploy.processes import ROOT


def test_the_index_has_every_decision_once() -> None:
    page = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    found = re.findall(r"^## (.+)$", page, re.MULTILINE)
    links = re.findall(r"^- \[(.+)\]\(#(.+)\)$", page, re.MULTILINE)

    assert sorted(found) == sorted(title for title, _ in links)
    for title, anchor in links:
        # As GitHub makes it.
        assert anchor == re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
