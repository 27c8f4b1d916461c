"""Models of data sets that scikit-learn ships: the proof that a model is one short folder."""
