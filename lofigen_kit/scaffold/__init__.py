"""Create the package of a new plugin from templates, for `plugins new`."""
