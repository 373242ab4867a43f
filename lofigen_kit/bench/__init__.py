"""Measuring: how fast this machine generates, trains and processes, and how fast it could.

Speed on a shared machine drifts by more than what is to be found out. So all that is compared is
timed in one run, a little of each in turn, round after round; a ratio is the median over rounds of
the ratio within a round.
"""
