"""Triton's extensions that its tools ask for: configuration, statistics, the index of models.

The messages have the same names over HTTP and gRPC.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from framework import Bundle
from framework.open_inference.tensors import BYTES
from serving.open_inference.signature import InputColumn, OutputColumn, Signature
from serving.statistics import Totals, totals


class Reshape(BaseModel):
    """The shape that stands for `dims`."""

    shape: list[int] = Field(description="Without the dimension of the records; none is a value.")


class ConfigOutput(BaseModel):
    """An output of a model, without the dimension of its records."""

    name: str
    data_type: str = Field(description="`TYPE_STRING` for BYTES, else `TYPE_` and the datatype.")
    dims: list[int] = Field(description="-1 if it varies.")
    reshape: Reshape | None = None


class ConfigInput(ConfigOutput):
    """An input of a model, without the dimension of its records."""

    optional: bool = Field(description="Whether it may be left out.")


class DynamicBatching(BaseModel):
    """Requests are put together; there is nothing to set."""


class TransactionPolicy(BaseModel):
    """How many answers a request has."""

    decoupled: bool = False


class ModelConfig(BaseModel):
    """How a model is run."""

    name: str
    platform: str = Field(description="Framework of the model.")
    max_batch_size: int = Field(description="Most records in one request.")
    input: list[ConfigInput]
    output: list[ConfigOutput]
    dynamic_batching: DynamicBatching = DynamicBatching()
    model_transaction_policy: TransactionPolicy = TransactionPolicy()


class Duration(BaseModel):
    """How often, and how long in all."""

    count: int = 0
    ns: int = 0


class InferStatistics(BaseModel):
    """Where the time went."""

    success: Duration = Field(description="Requests answered, from arrival to answer.")
    fail: Duration = Field(description="Requests that were not.")
    queue: Duration = Field(description="Waiting for a batch.")
    compute_input: Duration = Field(Duration(), description="Not told apart from compute_infer.")
    compute_infer: Duration = Field(description="All of the answered ones but the waiting.")
    compute_output: Duration = Field(Duration(), description="Not told apart from compute_infer.")
    cache_hit: Duration = Field(Duration(), description="No answer is kept.")
    cache_miss: Duration = Field(Duration(), description="No answer is kept.")


class ModelStatistics(BaseModel):
    """What a model has answered since the server started, in all its workers."""

    name: str
    version: str
    last_inference: int = Field(description="Last batch, in milliseconds since 1970; 0: never.")
    inference_count: int = Field(description="Records computed.")
    execution_count: int = Field(description="Batches computed.")
    inference_stats: InferStatistics


class Statistics(BaseModel):
    """What the models have answered."""

    model_stats: list[ModelStatistics]


class ModelIndex(BaseModel):
    """One version of a model."""

    name: str
    version: str = Field(description="Empty of a model that is unloaded.")
    state: Literal["READY", "LOADING", "UNAVAILABLE"] = Field(
        description="`READY`: it is served; `LOADING`: it soon will be; `UNAVAILABLE`: it cannot."
    )
    reason: str = Field(default="", description="Why not.")

    @classmethod
    def of(cls, bundle: Bundle[Any, Any]) -> "ModelIndex":
        """Describes a served model."""
        return cls(name=bundle.model.name, version=bundle.version, state="READY")


def configuration(
    bundle: Bundle[Any, Any], signature: Signature, max_batch_size: int
) -> ModelConfig:
    """Describes how a model is run.

    Args:
        bundle: The model.
        signature: Its tensors.
        max_batch_size: Most records in one request.
    """
    return ModelConfig(
        name=bundle.model.name,
        platform=bundle.card.framework,
        max_batch_size=max_batch_size,
        input=[
            ConfigInput(**_tensor(column), optional=not column.spec.required)
            for column in signature.inputs.values()
        ],
        output=[ConfigOutput(**_tensor(column)) for column in signature.outputs.values()],
    )


def statistics(bundles: Sequence[Bundle[Any, Any]]) -> Statistics:
    """Tells what models have answered; reads the files of all workers, and so takes a while."""
    found = totals([bundle.tag for bundle in bundles])
    return Statistics(model_stats=[_statistics(one, found[one.tag]) for one in bundles])


def _tensor(column: InputColumn | OutputColumn) -> dict[str, Any]:
    kind = "STRING" if column.datatype == BYTES else column.datatype
    # Of a shape there must be at least one dimension, so that a single value needs another word.
    dims = column.shape[1:]
    reshape = {} if dims else {"reshape": Reshape(shape=[])}
    return {"name": column.name, "data_type": f"TYPE_{kind}", "dims": dims or [1], **reshape}


def _statistics(bundle: Bundle[Any, Any], found: Totals) -> ModelStatistics:
    return ModelStatistics(
        name=bundle.model.name,
        version=bundle.version,
        last_inference=int(found.last_batch * 1e3),
        inference_count=int(found.rows),
        execution_count=int(found.batches),
        inference_stats=InferStatistics(
            success=_duration(found.answered, found.answered_seconds),
            fail=_duration(found.failed, found.failed_seconds),
            queue=_duration(found.queued, found.queued_seconds),
            compute_infer=_duration(
                found.answered, max(0.0, found.answered_seconds - found.queued_seconds)
            ),
        ),
    )


def _duration(count: float, seconds: float) -> Duration:
    return Duration(count=int(count), ns=int(seconds * 1e9))
