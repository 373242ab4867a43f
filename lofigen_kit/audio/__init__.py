"""Audio in memory and in files: buffers, blocks, formats, metadata, hashes."""
