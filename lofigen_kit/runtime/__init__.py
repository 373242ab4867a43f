"""The runtime: files, processes, random generators, devices, versions."""
