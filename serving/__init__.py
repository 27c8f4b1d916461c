"""Everything between a socket and a predictor; knows no particular model."""

from serving.grpc.server import require_free_port
from serving.http.resources import resources_app
from serving.model_service import ModelService
from serving.served import ServedModel, pinned_model, pinned_models_environment
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
