"""Measure how fast this machine generates, trains and processes, and its upper limits.

The speed of a shared machine drifts by more than the differences to be measured. So all cases are
timed in one run, in turn, in several rounds. A ratio is the median over the rounds of the ratio
within a round.
"""
