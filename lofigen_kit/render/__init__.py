"""From source to mastered sound: the chain, and its three users: takes, recordings and streams."""
