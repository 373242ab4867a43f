"""The causal Conv1d network: its shape, its checkpoints, its heads and its training form."""
