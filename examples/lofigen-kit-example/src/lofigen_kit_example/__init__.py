"""Plugins for lofigen-kit: a source, a model, a sampler and an effect, one module each."""
