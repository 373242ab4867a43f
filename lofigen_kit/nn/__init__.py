"""The causal Conv1d network: its shape, checkpoints, heads, sampling and trainable form."""
