"""How well a network plays: free-running takes beside their ceiling, and what it remembers."""
