"""Batches of hundreds of takes: the plan, the ledger of results, and the workers.

`plan` lists the jobs, `ledger` stores their results in the folder, `worker` renders a group of
takes, `executors` start workers on this machine or a cluster, and `scheduler` gives them groups.
`process_files` processes many existing files.
"""
