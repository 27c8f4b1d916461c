"""Labels over gRPC: `model_server.feedback.v1.FeedbackService`."""

from collections.abc import Sequence

from framework.record.labels import Label
from serving.errors import Code, ServingError
from serving.feedback import feedback_pb2 as pb
from serving.feedback.requests import labels_of_message
from serving.feedback.taking import NO_RECORD, Feedback
from serving.grpc.call import Call, RpcMethod
from serving.grpc.typed import RpcService, method_path
from serving.metrics import GRPC

_SERVICE = pb.DESCRIPTOR.services_by_name["FeedbackService"]


def feedback_service(feedback: Feedback | None) -> RpcService:
    """Makes the service.

    Args:
        feedback: What takes the labels, if there is a record to write them to.
    """

    async def send(labels: Sequence[Label], call: Call) -> bytes:
        if feedback is None:
            raise ServingError(Code.NOT_FOUND, NO_RECORD)
        taken = await feedback.take(labels, call.request_id, call.route, GRPC)
        return pb.SendResponse(accepted=taken).SerializeToString()

    parser = bytes if feedback is None else labels_of_message
    (method,) = _SERVICE.methods
    return RpcService(_SERVICE, {method_path(method): RpcMethod(parser, send)})
