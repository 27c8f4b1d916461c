"""The alerts, for a Prometheus without an operator."""

import textwrap

from deploy.processes import ROOT

RULES = ROOT / "deploy" / "kubernetes" / "components" / "monitoring" / "rules.yaml"


def plain_rules() -> str:
    """Returns the rules in the form that Prometheus itself reads: the resource's specification."""
    _, _, specification = RULES.read_text(encoding="utf-8").partition("\nspec:\n")
    return textwrap.dedent(specification)
