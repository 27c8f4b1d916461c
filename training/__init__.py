"""Training: data in, a measured model in BentoML's model store out.

`python -m training` is the command line, `train` the same from Python. Nothing else writes the
model store.
"""

from training.errors import TrainingError
from training.pipeline import ModelName, train

__all__ = ["ModelName", "TrainingError", "train"]
