"""The `daneel` command with the tiny agent and environments of the tests.

`python -m tests.training.tiny_cli train ...`
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from daneel.cli.command import main as daneel
from tests.training import tiny_agent, tiny_envs


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    tiny_agent.register()
    tiny_envs.register()
    return daneel(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
