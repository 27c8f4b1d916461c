"""The contracts on disk: `.proto` files of the models, and the Python stubs of all of them."""

import importlib.util
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from framework.discovery import ROOT
from framework.model import Model
from framework.protos.numbers import broken, numbered
from framework.protos.text import text_of

STUBS = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")
# Generated code has no annotations of the strict kind; mypy still reads those it has.
_FIRST_LINE = "# mypy: ignore-errors\n"


class ProtoError(RuntimeError):
    """A `.proto` file that cannot be compiled; the message says which, and what to do."""


def write(
    models: Iterable[Model[Any, Any]], root: Path = ROOT, into: Path | None = None
) -> list[str]:
    """Writes the `.proto` files of models, and the stubs of all `.proto` files below a folder.

    Args:
        models: The models, whose packages are below the folder.
        root: The folder that packages and `.proto` files are named from.
        into: Where to write, if elsewhere; the numbers of the fields are read in `root`.

    Returns:
        What clients of the former files cannot read any more, one sentence each.

    Raises:
        FieldError: A type of a model has no form in protobuf.
        ProtoError: The compiler is missing, or refuses a file.
    """
    into = into or root
    breaks = []
    for model in models:
        path = _path(model)
        former = described(root, path)
        messages = numbered(model, former)
        breaks += list(broken(model, messages, former))
        into.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
        into.joinpath(path).write_text(text_of(model, messages), encoding="utf-8")
    for path in _protos(root):
        if not into.joinpath(path).exists():
            into.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / path, into / path)
    _compile_stubs(into, _protos(into))
    return breaks


def out_of_date(models: Sequence[Model[Any, Any]], root: Path = ROOT) -> list[str]:
    """Returns the paths of the generated files that differ from what `write` would write."""
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        write(models, root, fresh)
        generated = [path for path in fresh.rglob("*") if path.name.endswith((".proto", *STUBS))]
        return sorted(
            str(path.relative_to(fresh))
            for path in generated
            if not (old := root / path.relative_to(fresh)).is_file()
            or old.read_bytes() != path.read_bytes()
        )


def described(root: Path, path: str) -> FileDescriptorProto | None:
    """Returns what a `.proto` file says, or None where there is none.

    Raises:
        ProtoError: The compiler is missing, or refuses the file.
    """
    if not root.joinpath(path).is_file():
        return None
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "descriptors"
        _compile(root, [path], f"--descriptor_set_out={found}")
        return FileDescriptorSet.FromString(found.read_bytes()).file[0]


def _path(model: Model[Any, Any]) -> str:
    return f"{model.package.replace('.', '/')}/{model.name}.proto"


def _protos(root: Path) -> list[str]:
    """Returns the `.proto` files of a folder, hidden folders apart."""

    def below() -> Iterator[Path]:
        for folder in root.iterdir():
            if folder.is_dir() and not folder.name.startswith("."):
                yield from folder.rglob("*.proto")

    return sorted(str(path.relative_to(root)) for path in below())


def _compile_stubs(root: Path, paths: Sequence[str]) -> None:
    outs = [f"--{kind}_out={root}" for kind in ("python", "pyi", "grpc_python")]
    _compile(root, paths, *outs)
    for path in paths:
        for end in STUBS:
            stub = root / f"{path.removesuffix('.proto')}{end}"
            stub.write_text(_FIRST_LINE + stub.read_text(encoding="utf-8"), encoding="utf-8")


def _compile(root: Path, paths: Sequence[str], *options: str) -> None:
    if importlib.util.find_spec("grpc_tools") is None:
        raise ProtoError(
            "The compiler of .proto files is not installed; `make protos` installs it."
        )
    import grpc_tools  # type: ignore[import-untyped]
    from grpc_tools import protoc

    library = Path(grpc_tools.__file__).parent / "_proto"
    arguments = [f"--proto_path={root}", f"--proto_path={library}", *options, *paths]
    # What it has against a file, it has written to the standard error.
    if protoc.main(["protoc", *arguments]):
        raise ProtoError(f"The compiler refused {', '.join(paths)}: see above.")
