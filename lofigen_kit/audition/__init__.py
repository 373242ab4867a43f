"""A contact sheet of a folder of takes: seen, heard and decided on in a browser, without a network.

`takes` reads the folder, `drawing` makes what is seen of a sound, `page` the page, and `server`
gives it to this machine's browser alone.
"""
