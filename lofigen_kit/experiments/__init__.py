"""The two experiments of LofiGen, the reference, as runs that can be repeated and continued.

`layers` trains networks of 4, 6 and 8 layers on one corpus, `genres` a new network for each of
several corpora. All are regressions without a guide (`head: mse`), as in the reference. The defects
of the reference are in `defects`, and nothing else trains with them.
"""
