"""Daneel: embodied agents that learn a model of their world, plan in it, and pass a gate.

Importing the package is cheap: each room (`daneel.envs`, `daneel.agents`, ...) is imported alone.
"""

__version__ = "0.1.0"
