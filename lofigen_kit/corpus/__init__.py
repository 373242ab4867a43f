"""What a network learns from: songs with their scores, arranged or recorded, and crops of them."""
