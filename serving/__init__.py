"""Everything between a socket and a predictor; knows no particular model."""

from serving.models import ServedModel, pinned_model, pinned_models_environment
from serving.resources import resources_app
from serving.rpc.server import require_free_port
from serving.service import ModelService
from serving.settings import Settings, load_settings

__all__ = [
    "ModelService",
    "ServedModel",
    "Settings",
    "load_settings",
    "pinned_model",
    "pinned_models_environment",
    "require_free_port",
    "resources_app",
]
