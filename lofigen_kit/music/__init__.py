"""What is played: scores, keys, MIDI, and the score as the network hears it."""
