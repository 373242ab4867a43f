"""The built-in components that commands take where the user names none.

They are defaults of options and nothing else: whatever is named here, any other plugin's component
can be given in its place.
"""

from __future__ import annotations

SOURCE = "beatmaker"
"""What plays the songs of a corpus."""

SOLO_SOURCE = "beatmaker-solo"
"""What plays one part of such songs, named by its parameter `part`."""

MODEL = "conv4"
"""The network that is trained: the smallest."""

MODELS = (MODEL, "conv6", "conv8")
"""The networks that experiments compare, the smallest first."""

SAMPLER = "narrowed"
"""How a network plays where it is judged."""

BENCHMARK_SAMPLER = "temperature"
"""How a network plays where its speed is measured."""
