"""HTTP: from the socket to the batcher, the errors, the resources and the documentation."""
