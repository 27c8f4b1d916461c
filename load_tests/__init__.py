"""Load tests: the same contract served by several systems, measured side by side in one run."""
