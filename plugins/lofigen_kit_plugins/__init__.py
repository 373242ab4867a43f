"""The built-in plugins, one module each, written as a third party would."""
