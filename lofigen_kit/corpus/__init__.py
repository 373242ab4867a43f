"""Training data: songs with their scores, rendered or recorded, and crops of them."""
