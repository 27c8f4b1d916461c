"""The served models: one folder each, which defines `MODEL`; see `docs/add-a-model.md`."""
