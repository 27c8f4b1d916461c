"""The Open Inference Protocol's messages and tensors, as they are on the wire."""
