"""Everything between a socket and a model; knows no particular one."""

from framework.adapters.prometheus import allocate_shared_files
from serving.http.resources import resources_app
from serving.model_service import BATCHED, ModelService
from serving.preflight import PlainService
from serving.served import ServedModels
from serving.settings import Settings, load_settings

# Here, because the module of a service may declare metrics of its own.
allocate_shared_files()

__all__ = [
    "BATCHED",
    "ModelService",
    "PlainService",
    "ServedModels",
    "Settings",
    "load_settings",
    "resources_app",
]
