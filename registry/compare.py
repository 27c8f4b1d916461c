"""`python -m registry compare`: what two versions said to the same rows."""

import argparse
from collections.abc import Iterator

from framework.pointer import CHAMPION, Pointer
from monitoring.options import label_store_of, record_of
from monitoring.pairs import pairs
from monitoring.performance.comparison import Comparison, Interval, compare
from monitoring.store import Store
from registry.commands import Answer, Registry
from registry.errors import RegistryError
from registry.versions import find_version

Row = tuple[str, ...]


def compare_versions(registry: Registry, options: argparse.Namespace) -> Answer:
    """Shows what two versions said to the same recorded rows, and what that was worth."""
    model = registry.model(options.model)
    first, second = _tags(registry.history.aliases(), model.name, options.tags)
    versions = [tag.partition(":")[2] for tag in (first, second)]
    folder = record_of(options)
    found = pairs(Store(folder), model, versions[0], versions[1], options.since)
    if not len(found.first):
        raise RegistryError(
            f"The record {folder} has no row that both {first} and {second} answered: have one "
            f"answer what the other did, `python -m registry replay {second} --record {folder}`."
        )
    comparison = compare(first, second, found, label_store_of(options).labels(model.name))
    columns = ("", first, second, "difference", "95 % interval")
    return Answer(comparison.model_dump(mode="json"), columns, list(_rows(comparison)))


def _tags(aliases: Pointer, model: str, given: list[str]) -> tuple[str, str]:
    """Returns which two versions are meant.

    Raises:
        RegistryError: That cannot be told, or it is one and the same.
    """
    if len(given) > 2:
        raise RegistryError(f"Two versions can be compared, not {len(given)}.")
    standing = {one: aliases.standing(model, one) for one in (CHAMPION, "challenger", "shadow")}
    named = {one: found.tag for one, found in standing.items() if found}
    if len(given) < 2 and CHAMPION not in named:
        raise RegistryError(f"{model} has no champion: name two versions, as `list` shows them.")
    if not given and len(named) < 2:
        raise RegistryError(
            f"{model} has neither challenger nor shadow: name the version to compare with "
            f"{named[CHAMPION]}, as `show {model}` lists it."
        )
    first = given[0] if len(given) == 2 else named[CHAMPION]
    second = given[-1] if given else named.get("challenger") or named["shadow"]
    for tag in (first, second):
        if find_version(tag).tag.name != model:
            raise RegistryError(f"{tag} is no version of {model}.")
    if first == second:
        raise RegistryError(f"Name two versions; {first} is compared with itself otherwise.")
    return first, second


def _rows(comparison: Comparison) -> Iterator[Row]:
    yield ("rows", f"{comparison.rows:,}", "", "", "")
    if comparison.unpaired:
        yield ("rows that one lacks", f"{comparison.unpaired:,}", "", "", "")
    if agreed := comparison.agreement:
        yield ("agreement", "", "", f"{agreed.value:.4f}", _ends(agreed))
    for one in comparison.shifts:
        first, second = f"{one.first:.6g}", f"{one.second:.6g}"
        yield (f"mean {one.name}", first, second, _signed(one.difference), _ends(one.difference))
        yield (f"mean |difference| of {one.name}", "", "", f"{one.absolute:.6g}", "")
    times = ("" if one is None else f"{one * 1e6:.3g} µs" for one in comparison.seconds)
    yield ("median time of a row", *times, "", "")
    yield ("rows with labels", f"{comparison.labelled:,}", "", "", "")
    for metric in comparison.metrics:
        better = {"first": comparison.first, "second": comparison.second}.get(metric.better or "")
        values = (f"{one.value:.6g}" for one in (metric.first, metric.second))
        ends = _ends(metric.difference) + (f", {better} is better" if better else "")
        yield (metric.metric, *values, _signed(metric.difference), ends)


def _signed(one: Interval) -> str:
    return f"{one.value:+.4g}"


def _ends(one: Interval) -> str:
    return "" if one.low is None else f"{one.low:.4g} … {one.high:.4g}"
