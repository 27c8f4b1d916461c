"""A worker's texts are scored without scikit-learn, which another process loads."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deploy.processes import ROOT
from framework.recipes import skops_archive, text_apart
from tests.unit.framework.test_text_pipeline import CORPUS, PIPELINES

# A process that has loaded a LightGBM model before, as a worker may have.
WORKER = """
import json, sys
from pathlib import Path
from typing import Any
import framework.adapters.lightgbm
from framework.recipes import text_apart
scores = text_apart.load(Path(sys.argv[1]))
assert "sklearn" not in sys.modules
print(json.dumps(scores and scores.predict_proba(json.loads(sys.argv[2])).tolist()))
"""


def in_a_worker(path: Path) -> Any:
    """What the corpus comes to in a new process; nothing if the pipeline must be loaded there."""
    command = [sys.executable, "-c", WORKER, str(path), json.dumps(CORPUS)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a pipeline is stored."""
    return tmp_path / "model.skops"


def test_a_worker_scores_texts_without_scikit_learn(path: Path) -> None:
    pipeline = PIPELINES["pairs without stop words"]
    path.write_bytes(skops_archive.dumps(pipeline))

    np.testing.assert_allclose(in_a_worker(path), pipeline.predict_proba(CORPUS), atol=1e-9)


@pytest.mark.parametrize("content", [b"no pipeline", skops_archive.dumps(PIPELINES["characters"])])
def test_anything_else_is_loaded_in_the_worker_itself(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    assert in_a_worker(path) is None


def test_where_scikit_learn_is_loaded_nothing_is_read_apart(path: Path) -> None:
    path.write_bytes(skops_archive.dumps(PIPELINES["usual"]))

    assert text_apart.load(path) is None
