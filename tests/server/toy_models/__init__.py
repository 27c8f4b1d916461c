"""Small models for the tests of the data plane: nothing is fitted, scores are a formula.

Each has what the others lack: fields and answers that may be missing, lists, rules of its own, a
service method (`tests.server.toy_plane`) with logic of its own.
"""
