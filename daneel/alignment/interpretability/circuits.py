"""Which parts of a network do the work: ablation, activation patching, path patching.

Ablation replaces an activation by zero or by its mean. Activation patching (Meng et al. 2022, arXiv
2202.05262; Vig et al. 2020) puts an activation of a clean run into a corrupted one. Path patching
(Goldowsky-Dill et al. 2023, arXiv 2304.05969; Wang et al. 2022, arXiv 2211.00593, section 3.1) does
so along chosen edges only: what the sender writes reaches the receivers directly, everything
between is held at its clean value.

All of it is intervention, so a figure says what the part causes on THESE inputs: a part that a
backup replaces looks idle, and another distribution may use other parts.

Legend: B rows of a probe, N sites, P probes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from daneel.alignment.interpretability.sites import Edit, Site, edited, heads, parts, recorded
from daneel.errors import ConfigError

Score = Callable[[Any], Tensor]
"""How well each row did, `[B]`, from what the model returned; higher is better."""


@dataclass(frozen=True)
class Probe:
    """Inputs of one run, and how its output is scored."""

    inputs: tuple[Any, ...]
    """Arguments of the model."""
    score: Score
    """See `Score`."""


@dataclass(frozen=True)
class Importance:
    """How much each site matters, over repeated probes."""

    sites: tuple[Site, ...]
    """The N sites."""
    drops: Tensor
    """`[P, N]`: how much the mean score falls when the site is ablated, probe by probe."""
    changes: Tensor
    """`[P, N]`: mean size of the change of a row's score. A part that helps some rows and hurts
    others has a drop of about zero, whose sign is chance, and a change that is not."""

    @property
    def mean(self) -> Tensor:
        """`[N]`, change over all probes."""
        return self.changes.mean(0)

    def ranked(self) -> list[tuple[Site, float]]:
        """Sites and mean changes, the most important first."""
        order = self.mean.argsort(descending=True).tolist()
        return [(self.sites[i], float(self.mean[i])) for i in order]

    def rank_correlation(self) -> float:
        """Mean Spearman correlation of the rankings of any two probes; 1 for a single probe."""
        pairs = itertools.combinations(self.changes, 2)
        values = [spearman(a, b) for a, b in pairs]
        return sum(values) / len(values) if values else 1.0


def spearman(a: Tensor, b: Tensor) -> float:
    """Rank correlation of two vectors, ties sharing their mean rank; 0 where one is constant."""
    from scipy.stats import rankdata  # half a second to import, and the gate imports this module

    ranks = torch.stack([torch.from_numpy(rankdata(v.double().numpy())) for v in (a, b)])
    centred = ranks - ranks.mean(1, keepdim=True)
    length = centred.norm(dim=1).prod()
    return float((centred[0] @ centred[1]) / length) if length > 0 else 0.0


class TransformerCircuits:
    """Interventions on any torch module; heads and channels of our backbones are found by name.

    Args:
        model: Anything that maps the inputs of a probe to what its score reads. Left as it is:
            hooks live only as long as a call. Put it into `eval()` first if it has dropout.
    """

    def __init__(self, model: nn.Module) -> None:
        """Keeps the model."""
        self.model = model

    @torch.no_grad()
    def run(self, probe: Probe, edits: Mapping[Site, Edit] | None = None) -> Tensor:
        """The score of each row `[B]`, with these edits in place."""
        with edited(self.model, edits or {}):
            return probe.score(self.model(*probe.inputs))

    @torch.no_grad()
    def record(self, probe: Probe, sites: Sequence[Site]) -> dict[Site, Tensor]:
        """The activation `[B, ..., D]` of each site."""
        with recorded(self.model, list(sites)) as kept:
            self.model(*probe.inputs)
        if missing := [str(site) for site in sites if site not in kept]:
            raise ConfigError(
                f"The sites {', '.join(missing)} were not reached by the run. Expected modules "
                "that the model calls. Leave them out."
            )
        return kept

    def ablate(
        self,
        probe: Probe,
        sites: Sequence[Site],
        how: Literal["zero", "mean"] = "mean",
        reference: Probe | None = None,
    ) -> Tensor:
        """How much each row's score falls without each site alone, `[N, B]`.

        Args:
            probe: What is scored.
            sites: N places.
            how: What stands in for the activation: zeros, or its mean over rows and time.
            reference: Where the mean is taken; None is the probe itself.
        """
        if how not in ("zero", "mean"):
            raise ConfigError(f"how is {how!r}. Expected zero or mean. Pass how='mean'.")
        stand_ins = {site: torch.zeros(()) for site in sites}
        if how == "mean":
            kept = self.record(reference or probe, sites)
            stand_ins = {site: _mean(value) for site, value in kept.items()}
        intact = self.run(probe)
        return torch.stack(
            [intact - self.run(probe, {site: _constant(stand_ins[site])}) for site in sites]
        )

    def importance(
        self,
        probes: Iterable[Probe],
        sites: Sequence[Site] | None = None,
        how: Literal["zero", "mean"] = "mean",
    ) -> Importance:
        """Ablates every site (None: every head) on each probe in turn."""
        chosen = list(heads(self.model) if sites is None else sites)
        if not chosen:
            raise ConfigError(
                "The model has no heads that are known here. Expected mixers with `heads` and "
                "`out`. Pass sites, for example channels(model) or parts(model)."
            )
        rows = [self.ablate(probe, chosen, how) for probe in probes]
        return Importance(
            tuple(chosen),
            torch.stack([drop.mean(1) for drop in rows]),
            torch.stack([drop.abs().mean(1) for drop in rows]),
        )

    def patch(self, clean: Probe, corrupt: Probe, sites: Sequence[Site]) -> Tensor:
        """The share of the score that each site's clean activation brings back, `[N]`.

        0 is the corrupted score, 1 the clean one. The corrupted run is scored as `corrupt` says;
        both probes have inputs of the same shapes.

        Raises:
            ConfigError: clean and corrupted inputs score the same, so that there is no share.
        """
        kept = self.record(clean, sites)
        low = self.run(corrupt).mean()
        gap = self.run(clean).mean() - low
        if not abs(float(gap)) > 0:
            raise ConfigError(
                f"Clean and corrupted runs both score {float(low):.4g}. Expected a difference to "
                "bring back. Corrupt what the score depends on."
            )
        scores = [self.run(corrupt, {site: _constant(kept[site])}).mean() for site in sites]
        return (torch.stack(scores) - low) / gap

    def path_patch(
        self,
        clean: Probe,
        corrupt: Probe,
        sender: Site,
        receivers: Sequence[Site] = (),
        frozen: Sequence[Site] | None = None,
    ) -> float:
        """How much the mean score falls when the sender is corrupted along direct paths only.

        Args:
            clean: What is scored.
            corrupt: Where the sender's other activation comes from.
            sender: What is changed.
            receivers: Who sees the change, for example a head's share of the output of `qkv`; none
                is the model's output itself.
            frozen: What is held at its clean value between; None is every head and every MLP.
        """
        hold = [*heads(self.model), *parts(self.model)] if frozen is None else list(frozen)
        hold = [site for site in hold if not _overlap(site, sender) and not _holds(site, sender)]
        other = self.record(corrupt, [sender])[sender]
        still = {site: _constant(value) for site, value in self.record(clean, hold).items()}
        changed = {**still, sender: _constant(other)}
        intact = float(self.run(clean).mean())
        if not receivers:
            return intact - float(self.run(clean, changed).mean())
        with torch.no_grad(), edited(self.model, changed):
            seen = self.record(clean, receivers)
        arrived = {site: _constant(value) for site, value in seen.items()}
        return intact - float(self.run(clean, arrived).mean())


def _constant(value: Tensor) -> Edit:
    return lambda part: value.to(part).expand_as(part)


def _mean(value: Tensor) -> Tensor:
    return value.flatten(0, -2).mean(0)


def _overlap(a: Site, b: Site) -> bool:
    """Whether two sites share channels of one activation."""
    ends = (a.end or 2**62, b.end or 2**62)
    return (a.module, a.side) == (b.module, b.side) and a.begin < ends[1] and b.begin < ends[0]


def _holds(outer: Site, inner: Site) -> bool:
    """Whether freezing `outer`'s output would undo a change made inside it."""
    return outer.side == "output" and inner.module.startswith(outer.module + ".")
