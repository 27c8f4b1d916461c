"""`python -m deploy build` and `python -m deploy image`."""

import argparse

from deploy.bento import build_bento, describe_bento
from deploy.engine import find_engine
from deploy.image import DEFAULT_NAME, build_image, describe_image


def main() -> None:
    """Builds what is asked for, and prints what it is and what it measures."""
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    parser.add_argument("what", choices=("build", "image"))
    parser.add_argument(
        "--name", default=DEFAULT_NAME, help="name of the image (default: %(default)s)"
    )
    parser.add_argument("--tag", help="tag of the image (default: the Bento's version)")
    arguments = parser.parse_args()

    bento = build_bento()
    if arguments.what == "image":
        engine = find_engine()
        name = f"{arguments.name}:{arguments.tag or bento.tag.version}"
        build_image(bento, name, engine)
        print(describe_bento(bento), describe_image(name, engine), sep="\n")
    else:
        print(describe_bento(bento))


if __name__ == "__main__":
    main()
