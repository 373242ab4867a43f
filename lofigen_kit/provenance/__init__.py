"""Where a sound came from: recipes inside files, saved, loaded, replayed, verified, signed."""
