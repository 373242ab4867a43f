"""Components: the four contracts that plugins implement, and the description of parameters."""
