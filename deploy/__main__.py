"""`python -m deploy build`, `image`, `monitor-image`, `trainer-image`, `rules` and `dashboards`."""

import argparse
from collections.abc import Callable

from deploy.bento import MEGABYTE, build_bento, describe_bento
from deploy.engine import Engine, find_engine
from deploy.image import (
    DEFAULT_MONITOR_NAME,
    DEFAULT_NAME,
    DEFAULT_TRAINER_NAME,
    build_image,
    build_monitor_image,
    build_trainer_image,
    describe_image,
    image_size,
)
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


def monitor_image(options: argparse.Namespace) -> None:
    """Builds, of a server's image, that of `python -m monitoring`."""
    _build_upon(build_monitor_image, options)


def trainer_image(options: argparse.Namespace) -> None:
    """Builds, of the image of `python -m monitoring`, that of `python -m registry retrain`."""
    _build_upon(build_trainer_image, options)


def _build_upon(build: Callable[[str, str, Engine], None], options: argparse.Namespace) -> None:
    engine = find_engine()
    _, _, tag = options.base.rpartition(":")
    name = f"{options.name}:{tag}"
    build(options.base, name, engine)
    print(f"image   {name}\nsize    {image_size(name, engine) / MEGABYTE:.0f} MB")


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
    options = {}
    for command in (build, image, monitor_image, trainer_image, rules, dashboards):
        name, told = command.__name__.replace("_", "-"), command.__doc__
        options[command] = commands.add_parser(name, help=told, description=told)
        options[command].set_defaults(run=command)
    names = {
        image: DEFAULT_NAME,
        monitor_image: DEFAULT_MONITOR_NAME,
        trainer_image: DEFAULT_TRAINER_NAME,
    }
    for command, name in names.items():
        options[command].add_argument(
            "--name", default=name, help="name of the image (default: %(default)s)"
        )
    options[image].add_argument("--tag", help="tag of the image (default: the Bento's version)")
    for command, whose in {monitor_image: "the server's", trainer_image: "the monitor's"}.items():
        options[command].add_argument(
            "base", metavar="IMAGE", help=f"{whose}, with its tag, which the new one gets too"
        )
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
