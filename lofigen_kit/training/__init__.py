"""From a corpus to a checkpoint, and what the checkpoint is worth."""
