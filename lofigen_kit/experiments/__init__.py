"""The reference's two experiments, as runs that can be repeated, resumed and listened to.

`layers` trains its networks of 4, 6 and 8 layers on one corpus, `genres` one fresh network for
each of several corpora. All are unguided regressions (`head: mse`), as the reference's are. What
the reference got wrong lives in `defects` alone, and nothing else trains through it.
"""
