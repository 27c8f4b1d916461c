"""Whether the rows of today come from elsewhere than those that a model was measured on.

A column of the record or of the answers is compared with the counts of held-out rows that the card
keeps, by a χ² test on at most ten bins. A window drifts if one of its columns does, at a level
(Bonferroni's) at which 1 % of windows without any change would; two such windows in a row, with
no row in common, are an alarm. Distances explain and never decide: whether they are large depends
on the number of rows as much as on the change.
"""
