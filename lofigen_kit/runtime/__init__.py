"""What every room stands on: files, processes, randomness, devices, versions."""
