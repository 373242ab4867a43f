"""Sound as it is made, to ears or into a pipe."""
