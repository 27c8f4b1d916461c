"""How often the check for drift is wrong, and what it finds, on rows of a real file.

Each trial divides the rows anew: some fit the model, some become the counts on its card, and the
windows are drawn from the rest. One division alone would tell of its own luck.
"""
