"""What plugins bring: the four contracts of a component, and the parameters that describe it."""
