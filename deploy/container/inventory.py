"""Adds Debian's packages to the inventory of Python's: run while the image is built.

Usage: inventory.py INVENTORY STATUS, where INVENTORY is a CycloneDX file, which is written anew,
and STATUS the list of what dpkg has installed. Needs cyclonedx-python-lib and python-debian.
"""

import json
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from debian.deb822 import Deb822
from packageurl import PackageURL


def main(inventory: Path, status: Path) -> None:
    """Adds to an inventory what a list of dpkg's has installed."""
    bom: Bom = Bom.from_json(json.loads(inventory.read_text()))
    bom.components.update(debian_components(status))
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    # The same image has the same inventory, whenever it is made.
    del document["serialNumber"], document["metadata"]["timestamp"]
    inventory.write_text(json.dumps(document, indent=2))


def debian_components(status: Path) -> Iterator[Component]:
    """Yields the installed packages of a list, each by its purl.

    The form of the purl is that of https://github.com/package-url/purl-spec (type `deb`).
    """
    release = platform.freedesktop_os_release()
    with status.open() as file:
        for package in Deb822.iter_paragraphs(file):
            if package["Status"].split()[-1] != "installed":
                continue
            name, version = package["Package"], package["Version"]
            # What a source package is called, vulnerabilities are listed under.
            source = package.get("Source", name).split()[0]
            qualifiers = {
                "arch": package["Architecture"],
                "distro": f"{release['ID']}-{release['VERSION_ID']}",
                "upstream": source,
            }
            purl = PackageURL("deb", release["ID"], name, version, qualifiers)
            yield Component(
                type=ComponentType.LIBRARY, name=name, version=version, purl=purl, bom_ref=str(purl)
            )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
