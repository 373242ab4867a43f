"""The built-in plugins, one module each, written like third-party plugins."""
