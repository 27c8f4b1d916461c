"""`python -m deploy build`, `image`, `rules` and `dashboards`."""

import argparse

from deploy.bento import build_bento, describe_bento
from deploy.engine import find_engine
from deploy.image import DEFAULT_NAME, build_image, describe_image
from deploy.monitoring.rules import plain_rules


def build(_: argparse.Namespace) -> None:
    """Builds the Bento."""
    print(describe_bento(build_bento()))


def image(options: argparse.Namespace) -> None:
    """Builds the Bento and its image."""
    bento = build_bento()
    engine = find_engine()
    name = f"{options.name}:{options.tag or bento.tag.version}"
    build_image(bento, name, engine)
    print(describe_bento(bento), describe_image(name, engine), sep="\n")


def rules(_: argparse.Namespace) -> None:
    """Prints the alerts for a Prometheus without an operator."""
    print(plain_rules(), end="")


def dashboards(_: argparse.Namespace) -> None:
    """Writes the JSON of the Grafana dashboards, which is committed."""
    from deploy.monitoring.dashboards import write

    for path in write():
        print(path)


def main() -> None:
    """Does what is asked for, and prints what it made and what that measures."""
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (build, image, rules, dashboards):
        one = commands.add_parser(
            command.__name__, help=command.__doc__, description=command.__doc__
        )
        one.set_defaults(run=command)
        if command is image:
            one.add_argument(
                "--name", default=DEFAULT_NAME, help="name of the image (default: %(default)s)"
            )
            one.add_argument("--tag", help="tag of the image (default: the Bento's version)")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
