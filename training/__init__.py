"""Training: data in, a measured model in BentoML's model store out.

`python -m training` is the command line, `train` and `import_model` the same from Python. Nothing
else writes the model store.
"""

from training.errors import TrainingError
from training.importing import import_model
from training.pipeline import train

__all__ = ["TrainingError", "import_model", "train"]
