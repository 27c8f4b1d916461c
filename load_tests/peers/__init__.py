"""Applications of other model servers; each runs in an environment of its own."""
