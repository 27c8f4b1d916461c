"""Makes our class the one that `bentoml.service` takes by default, in every process with this path.

Python imports a module of this name at each start.
"""

import importlib.abc
import importlib.machinery
import os
import sys
from types import ModuleType

_MODULE = "_bentoml_sdk.service.factory"


class _Loader(importlib.abc.Loader):
    def __init__(self, wrapped: importlib.abc.Loader) -> None:
        self._wrapped = wrapped

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._wrapped.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._wrapped.exec_module(module)
        stock = module.service

        def service(inner: type | None = None, /, **options: object) -> object:
            from serving import ModelService

            options.setdefault("service_class", ModelService)
            return stock(**options) if inner is None else stock(**options)(inner)

        module.service = service  # type: ignore[attr-defined]


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)  # type: ignore[arg-type]
        assert spec is not None
        assert spec.loader is not None
        spec.loader = _Loader(spec.loader)
        return spec


if os.environ.get("SERVED_BY") == "ModelService":
    sys.meta_path.insert(0, _Finder())
