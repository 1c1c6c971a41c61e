"""`GradientPatchEditor`: changes one fact of a model and reports what else it moved.

Rank-one edits (Meng et al. 2022, arXiv 2202.05262; see `rank_one.py`) at the place that causal
tracing finds (see `locate.py`). The editor changes what the model SAYS after this prompt; nothing
is claimed about what follows from the new fact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from daneel.alignment.editing.fact import Fact, Tokens, complete, perplexity
from daneel.alignment.editing.locate import Place
from daneel.alignment.editing.rank_one import Search, inverse_covariance, patch
from daneel.errors import ConfigError


@dataclass(frozen=True)
class EditReport:
    """What an edit did, in figures."""

    said: bool
    """Whether the prompt is now completed by the object, greedily."""
    paraphrases: float
    """Share of the paraphrases that are; 1 if none were given."""
    kept: float
    """Share of the other facts whose completion did not change; 1 if none were given."""
    perplexity: tuple[float, float]
    """Of a token of the held-out text before and after; 1 and 1 if none was given."""
    change: float
    """Length of the patch over the length of the matrix (Frobenius)."""

    @property
    def perplexity_change(self) -> float:
        """Relative: 0.01 is one per cent worse."""
        return self.perplexity[1] / self.perplexity[0] - 1


class GradientPatchEditor:
    """Edits facts of a model of tokens, one rank-one patch each.

    Args:
        model: Tokens `[B, T]` to logits `[B, T, V]` of the next token; changed in place, see
            `undo`.
        place: Which map, at which token; the first of `locate(model, facts)`.
        text: Batches `[N, T]` of text as the model was trained on: what edits should not move.
        contexts: Texts that may stand before a prompt, as tokens; the prompt alone is always tried.
        search: How.

    Raises:
        ConfigError: the place is no linear map of the model, or there is no text.
    """

    def __init__(
        self,
        model: nn.Module,
        place: Place,
        text: Sequence[Tensor],
        contexts: Sequence[Tokens] = (),
        search: Search | None = None,
    ) -> None:
        """Measures the keys of the text."""
        known = {n: m for n, m in model.named_modules() if isinstance(m, nn.Linear)}
        if place.module not in known or not text:
            raise ConfigError(
                f"The place is {place.module!r} and there are {len(text)} batches of text. "
                f"Expected text and one of {', '.join(known)}. Pass locate(model, facts)[0]."
            )
        self.model, self.place, self.search = model.eval(), place, search or Search()
        self.weight = known[place.module].weight
        self._contexts = [(), *map(tuple, contexts)]
        self._before: list[Tensor] = []
        self._inverse = inverse_covariance(model, place.module, text, self.search.ridge)

    def edit(
        self,
        fact: Fact,
        *,
        stay: Sequence[Fact] = (),
        paraphrases: Sequence[Tokens] = (),
        others: Sequence[Fact] = (),
        held_out: Sequence[Tensor] = (),
    ) -> EditReport:
        """Makes one edit and reports what else it moved.

        Args:
            fact: The new fact.
            stay: Facts of the same subject that the search keeps.
            paraphrases: Other prompts that ask for it; looked at only afterwards.
            others: Facts whose completions should stay; looked at only afterwards.
            held_out: Batches of text for the perplexity.
        """
        said = [complete(self.model, other.prompt, len(other.target)) for other in others]
        before = perplexity(self.model, held_out) if held_out else 1.0
        size = float(self.weight.detach().norm())
        added = patch(
            self.model, self.place, self._inverse, fact, self._contexts, stay, self.search
        )
        self._before.append(self.weight.detach().clone())
        with torch.no_grad():
            self.weight += added
        says = [self.says(prompt, fact.target) for prompt in paraphrases]
        same = [
            complete(self.model, other.prompt, len(other.target)) == old
            for other, old in zip(others, said, strict=True)
        ]
        return EditReport(
            said=self.says(fact.prompt, fact.target),
            paraphrases=sum(says) / len(says) if says else 1.0,
            kept=sum(same) / len(same) if same else 1.0,
            perplexity=(before, perplexity(self.model, held_out) if held_out else 1.0),
            change=float(added.norm()) / size,
        )

    def undo(self) -> None:
        """Takes the last edit back, bit for bit.

        Raises:
            ConfigError: there is none.
        """
        if not self._before:
            raise ConfigError("There is no edit to undo. Expected one. Call edit first.")
        with torch.no_grad():
            self.weight.copy_(self._before.pop())

    def says(self, prompt: Tokens, target: Sequence[int]) -> bool:
        """Whether the model completes a prompt by the target, token for token."""
        return complete(self.model, prompt, len(target)) == tuple(target)
