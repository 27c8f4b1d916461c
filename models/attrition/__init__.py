"""Employee turnover: will this employee leave? LightGBM on nine tabular features."""
