"""Asks the server over gRPC.

Usage: PYTHONPATH=. .venv/bin/python examples/grpc_client.py [HOST:PORT]. Needs grpcio and protobuf.

The messages and the client are generated from `models/attrition/attrition.proto`; copy the files
beside it, or generate your own in any language.
"""

import sys

import grpc

from models.attrition import attrition_pb2, attrition_pb2_grpc

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "localhost:3001"
EMPLOYEE = attrition_pb2.Employee(
    satisfaction_level=0.38,
    last_evaluation=0.53,
    number_project=2,
    average_monthly_hours=157,
    time_spend_company=3,
    work_accident=0,
    promotion_last_5years=0,
    department="sales",
    salary="low",
)

with grpc.insecure_channel(ADDRESS) as channel:  # one connection for all calls
    client = attrition_pb2_grpc.AttritionServiceStub(channel)
    request = attrition_pb2.EmployeesRequest(employees=[EMPLOYEE])
    response, call = client.Predict.with_call(request, timeout=10)
    trailers = dict(call.trailing_metadata())
    print(f"{trailers['x-model-tag']}: leaves with {response.predictions[0].probability:.2f}")

    # A refused call says where it is wrong and what is allowed.
    request.employees[0].salary = "huge"
    try:
        client.Predict(request, timeout=10)
    except grpc.RpcError as refused:
        print(refused.code().name, refused.details())
