"""How a batch is computed: the requests' rows joined, one call, and everybody's own answers."""

import asyncio
import inspect
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from framework import Answers, Records

Chunk = Sequence[Any]
"""What one request has in a batch: `Records` of a model, or a list of rows."""


def computation(predict: Callable[[Any], Any]) -> Callable[[list[Chunk]], Any]:
    """Makes the function that answers a batch, chunk by chunk.

    Args:
        predict: Answers a sequence of rows with as many answers, in order; may be a coroutine
            function, and then so is what is returned.
    """
    if inspect.iscoroutinefunction(predict):

        async def compute_async(chunks: list[Chunk]) -> list[Sequence[Any]]:
            try:
                return _parted(chunks, await predict(_joined(chunks)))
            except (Exception, asyncio.CancelledError):
                raise
            except BaseException as error:
                raise _as_exception(error) from error

        return compute_async

    def compute(chunks: list[Chunk]) -> list[Sequence[Any]]:
        try:
            return _parted(chunks, predict(_joined(chunks)))
        except StopIteration as error:
            raise _as_exception(error) from error
        except Exception:
            raise
        except BaseException as error:
            raise _as_exception(error) from error

    return compute


def _as_exception(error: BaseException) -> Exception:
    """What stands for an error that means something else to futures, coroutines or the process.

    A future refuses `StopIteration`, and its caller would wait for ever; `SystemExit` would end
    the server.
    """
    return RuntimeError(f"The model raised {type(error).__name__}")


def joined_answers(parts: list[Sequence[Any]]) -> Sequence[Any]:
    """Joins the answers to the parts of one request, which was split over several batches."""
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, Answers) for part in parts):
        return Answers.joined(parts)  # type: ignore[arg-type]
    return list(chain.from_iterable(parts))


def _joined(chunks: list[Chunk]) -> Chunk:
    # All chunks of an API are of one kind.
    if type(chunks[0]) is Records:
        return Records.joined(chunks)  # type: ignore[arg-type]
    return chunks[0] if len(chunks) == 1 else list(chain.from_iterable(chunks))


def _parted(chunks: list[Chunk], answers: Sequence[Any]) -> list[Sequence[Any]]:
    """Gives every chunk its own of the answers."""
    rows = sum(map(len, chunks))
    if len(answers) != rows:
        raise ValueError(f"{len(answers)} answers came back for {rows} rows")
    if len(chunks) == 1:
        # A slice of what is not ours: what has none (a mapping, a set) has no order either.
        return [answers if type(answers) is Answers else answers[:rows]]
    parts, start = [], 0
    for chunk in chunks:
        stop = start + len(chunk)
        parts.append(answers[start:stop])
        start = stop
    return parts
