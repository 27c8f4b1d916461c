"""The Open Inference Protocol, over HTTP and gRPC: whole columns in, whole columns out."""
