"""The `daneel` command. Each verb is one module of this package.

The code lives in `command`: here, the modules `list` and `eval` shadow the builtins.
"""

from daneel.cli.command import JOBS, VERBS, main

__all__ = ["JOBS", "VERBS", "main"]
