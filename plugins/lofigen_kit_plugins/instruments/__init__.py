"""The pitched instruments that come with the kit, each a model of how the real one sounds."""
