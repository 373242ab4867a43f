"""Effects, and the rack that runs them over a sound, whole or block by block."""
