"""What a run will take, told before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.table import Table
from torch import nn

from daneel.agents import Agent
from daneel.training.ram import readable_bytes
from daneel.training.run_folder import KEEP_CHECKPOINTS


@dataclass(frozen=True)
class Sizes:
    """Sizes of one run."""

    parameters: int
    """Numbers in the agent's networks."""
    replay_bytes: int
    """Memory of the full replay."""
    checkpoint_bytes: int
    """Disk of the largest checkpoint, before the optimisers have state."""

    def rows(self) -> Sequence[tuple[str, str]]:
        """Name and value of each size, for people."""
        disk = f"up to {readable_bytes(self.checkpoint_bytes)}, {KEEP_CHECKPOINTS} are kept"
        rows = [
            ("parameters", f"{self.parameters:,}" if self.parameters else ""),
            (
                "replay in memory",
                self.replay_bytes and f"up to {readable_bytes(self.replay_bytes)}",
            ),
            ("checkpoint on disk", disk),
        ]
        return [(name, value) for name, value in rows if value]


def measure(agent: Agent, replay_bytes: int) -> Sizes:
    """Sizes of a run of `agent` with a full replay of `replay_bytes`."""
    return Sizes(
        parameters=parameter_count(agent),
        replay_bytes=replay_bytes,
        checkpoint_bytes=replay_bytes + array_bytes(agent.state_dict()),
    )


def parameter_count(agent: Agent) -> int:
    """Numbers in the networks that `agent` has as attributes, shared ones counted once."""
    networks = [value for value in vars(agent).values() if isinstance(value, nn.Module)]
    return sum(parameter.numel() for parameter in nn.ModuleList(networks).parameters())


def array_bytes(tree: Any) -> int:
    """Bytes of every array in a nested state."""
    if isinstance(tree, Mapping):
        return sum(array_bytes(item) for item in tree.values())
    if isinstance(tree, list | tuple):
        return sum(array_bytes(item) for item in tree)
    return tree.nbytes if isinstance(tree, torch.Tensor | np.ndarray) else 0


def size_table(sizes: Sizes) -> Table:
    """The table shown before a training."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="cyan")
    table.add_column()
    for row in sizes.rows():
        table.add_row(*row)
    return table
