"""The audition sheet: a web page to see, hear and choose the takes in a folder, without a network.

`takes` reads the folder, `drawing` computes the pictures, `page` makes the page, `server` serves it
on this machine, `decisions` reads decisions, and `curate` copies the kept takes.
"""
