"""Hundreds of beats: a plan, a ledger of what is done, and whoever renders it.

`plan` lists the jobs, `ledger` keeps what came of them in the folder, `work` is what a worker does
with a few of them, `engines` are the workers, here or on a cluster, and `run` gives them their
work.
"""
