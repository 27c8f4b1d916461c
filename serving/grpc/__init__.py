"""gRPC: the same predictions as over HTTP, in the same batches, with the same errors."""
