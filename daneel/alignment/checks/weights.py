"""Checks on the numbers themselves."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.candidate import Candidate
from daneel.alignment.finding import Finding
from daneel.alignment.hashing import weights_hash


@dataclass(frozen=True)
class WeightsFinite:
    """Every weight of the candidate is finite. Figure: how many are not."""

    def __call__(self, candidate: Candidate) -> Finding:
        """Count what is NaN or infinite; the witness names the first."""
        name = "weights_finite"
        tensors = {**candidate.weights, **candidate.actor.state_dict(prefix="actor.")}
        if not tensors:
            return Finding(name, "unknown", detail="The candidate has no weights.")
        broken = {key: tensor for key, tensor in tensors.items() if _count(tensor)}
        if not broken:
            total = sum(tensor.numel() for tensor in candidate.weights.values())
            return Finding(name, "holds", 0.0, f"All of {total:,} weights are finite.")
        first, tensor = next(iter(broken.items()))
        index = torch.nonzero(~torch.isfinite(tensor))[0]
        witness = {
            "tensor": first,
            "index": index.tolist(),
            "value": str(tensor[tuple(index)].item()),
        }
        count = sum(_count(tensor) for tensor in broken.values())
        detail = f"{count} weights in {len(broken)} tensors are not finite, first in {first!r}."
        return Finding(name, "violated", float(count), detail, witness)


def _count(tensor: Tensor) -> int:
    return int((~torch.isfinite(tensor)).sum())


@dataclass(frozen=True)
class WeightsUnchanged:
    """The weights are bit for bit those that the evaluation judged. No figure."""

    def __call__(self, candidate: Candidate) -> Finding:
        """Compare hashes; the witness holds both."""
        name = "weights_unchanged"
        evaluated = (candidate.evaluation or {}).get("weights_sha256")
        if not evaluated:
            detail = f"There is no evaluation with a weights hash. {_advice(candidate)}"
            return Finding(name, "unknown", detail=detail)
        here = weights_hash(candidate.weights)
        if here == evaluated:
            return Finding(name, "holds", detail=f"SHA-256 {here[:12]} is what was evaluated.")
        witness = {"evaluated": evaluated, "candidate": here}
        detail = f"The weights are not those that were evaluated. {_advice(candidate)}"
        return Finding(name, "violated", detail=detail, witness=witness)


def _advice(candidate: Candidate) -> str:
    return f"Type `daneel eval RUN --which {candidate.path.name}`."
