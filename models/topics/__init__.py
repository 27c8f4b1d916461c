"""Topics of machine-learning projects: TF-IDF and logistic regression on short texts."""
