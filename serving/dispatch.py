"""What answers at present: where requests look up what they ask."""

from framework.adapters.uvicorn_connection import Direct
from serving.canary import AnyEndpoint
from serving.deployment import Deployment
from serving.grpc.call import Call, RpcMethod
from serving.open_inference.servicer import AskedModel
from serving.served import unloaded


class Deployments:
    """What answers at present.

    A deployment that is replaced goes on until what it has begun with is answered: requests hold
    on to it, and nothing else does.

    Attributes:
        endpoints: What answers over HTTP, by path.
        direct: Path → who may answer what is posted to it, ahead of the application.
        methods: What answers over gRPC, by the path of the method.
        asked: The models that Open Inference asks over gRPC, by name; None for one that is
            unloaded.
    """

    def __init__(self, endpoints: dict[str, AnyEndpoint], direct: dict[str, Direct] | None) -> None:
        """Fills what others look into.

        Args:
            endpoints: Endpoints by path.
            direct: See the attribute; None if all requests have to go through the application.
        """
        self._current: dict[str, Deployment] = {}
        self.endpoints = endpoints
        self._direct = direct
        self.methods: dict[str, RpcMethod] = {}
        self.asked: dict[str, AskedModel | None] = {}

    def get(self, name: str) -> Deployment | None:
        """Returns what answers for a model, if anything does."""
        return self._current.get(name)

    def put(self, new: Deployment) -> None:
        """Has a deployment answer from now on, in place of the one of the same model."""
        self.take_out(new.name)
        self._current[new.name] = new
        self.endpoints.update(new.endpoints)
        if self._direct is not None:
            self._direct.update({path: one.take for path, one in new.endpoints.items()})
        self.methods.update(new.methods)
        if new.asked is None:
            self.asked.pop(new.name, None)
        else:
            self.asked[new.name] = new.asked

    def end(self) -> None:
        """Has shadows answer nothing any more."""
        for one in self._current.values():
            if one.shadow is not None:
                one.shadow.end()

    def take_out(self, name: str) -> None:
        """Has nothing answer for a model from now on; its paths are left to the application."""
        before = self._current.pop(name, None)
        if before is None:
            return
        if before.shadow is not None:
            before.shadow.end()
        for path in before.endpoints:
            del self.endpoints[path]
            if self._direct is not None:
                del self._direct[path]

        async def refuse(_: bytes, __: Call) -> bytes:
            raise unloaded(name)

        self.methods.update(dict.fromkeys(before.methods, RpcMethod(bytes, refuse)))
        if before.asked is not None:
            self.asked[name] = None
