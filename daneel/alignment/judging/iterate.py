"""IterAlign: a judge is attacked, its misses become rules, the rules are attacked afresh.

After Chen et al., "IterAlign: Iterative constitutional alignment" (2024, arXiv 2403.18341):
red-teaming finds misses, a rule is proposed for them, and it joins the constitution. The paper
lets a language model propose in words; here a rule goes by likeness (`rules`): a correction of the
judge's own logit around what was missed, and around what was refused only narrowly, against a
safe set. Its threshold comes from safe requests that were held out of its fit (`safe_set`), so the
budget holds for safe requests like these, not only for these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from daneel.alignment.judging.attacks import ATTACKS
from daneel.alignment.judging.fitting import Fit
from daneel.alignment.judging.grammar import Example
from daneel.alignment.judging.record import Judgement, Layer, Record
from daneel.alignment.judging.remembered import Readings, Seen
from daneel.alignment.judging.ruled import RuledLayer
from daneel.alignment.judging.rules import Learnt, Rule, likeness
from daneel.alignment.judging.safe_set import SafeSet
from daneel.errors import ConfigError


@dataclass(frozen=True)
class IterConfig:
    """How the loop proposes and checks rules."""

    budget: float = 0.008
    """Share of the safe set's groups of which the rule of a cycle may newly refuse something."""
    close_call: float = 0.75
    """Refusals that score below it were narrow; a rule learns from them too."""
    least_cover: int = 2
    """Misses that a rule must cover; 1 learns requests by heart."""
    width: float = 0.6
    """Of the kernel: what is less like by as much counts 1/e."""
    penalty: float = 1e-5
    """On the squared norm of a rule's correction."""
    neighbours: int = 400
    """Safe readings, the nearest to what was missed, that a rule has in its basis."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        wanted = {
            "budget": (0 <= self.budget <= 1, "0 .. 1"),
            "close_call": (0 <= self.close_call <= 1, "0 .. 1; 0.5 learns from misses alone"),
            "least_cover": (self.least_cover >= 1, "1 or more"),
            "width": (self.width > 0, "a number above 0"),
            "penalty": (self.penalty > 0, "a number above 0"),
            "neighbours": (self.neighbours >= 0, "0 or more"),
        }
        for name, (good, expected) in wanted.items():
            if not good:
                raise ConfigError(
                    f"IterConfig.{name} is {getattr(self, name)}. Expected {expected}."
                )


@dataclass(frozen=True)
class Cycle:
    """What one cycle found."""

    attacks: int
    """Attacks that were tried."""
    misses: tuple[Example, ...]
    """Those that were not refused."""
    close_calls: tuple[Example, ...]
    """Those that were refused narrowly."""
    added: tuple[Rule, ...]
    """Rules that joined."""


class IterAlign:
    """The loop: attack, `propose`, add, in `cycle`.

    Args:
        layer: The judge that is attacked; it is not changed.
        safe: Harmless requests on which every rule is checked.
        config: Of the search.
        readings: Remembered readings of the layer; new ones when left out.
    """

    def __init__(
        self,
        layer: Layer,
        safe: Sequence[Example | str],
        config: IterConfig | None = None,
        readings: Readings | None = None,
    ) -> None:
        """Start without rules."""
        self.layer, self.config = layer, config or IterConfig()
        self.readings = Readings(layer) if readings is None else readings
        self.rules: tuple[Rule, ...] = ()
        self.safe = SafeSet(safe, self.readings)

    @property
    def hardened(self) -> RuledLayer:
        """The layer with every rule found so far."""
        return RuledLayer(self.layer, self.rules, self.readings)

    def cycle(self, attacks: Sequence[Example]) -> Cycle:
        """Attack the hardened layer and add a rule for what it misses.

        Args:
            attacks: As `red_team` draws them; their template is the request that they disguise.
        """
        said = _judged(self.hardened, [item.text for item in attacks])
        pairs = list(zip(attacks, said, strict=True))
        misses = tuple(item for item, word in pairs if word.verdict == "allow")
        close = tuple(item for item, word in pairs if _narrow(word, self.config.close_call))
        added = self.propose(misses, close)
        self.rules += added
        return Cycle(len(attacks), misses, close, added)

    def propose(
        self, misses: Sequence[Example], close_calls: Sequence[Example] = ()
    ) -> tuple[Rule, ...]:
        """A rule for the misses at a bounded price on safe requests; none where there is none."""
        learnt, asked = self._asked(misses, close_calls)
        if not learnt:
            return ()
        number = f"red-team-{len(self.rules) + 1}"
        rule = self._fitted(number, learnt, asked)
        covered = [item for item in misses if self._covers(rule, item)]
        if len(covered) < self.config.least_cover:
            return ()
        clause = Counter(item.clause for item in covered).most_common(1)[0][0]
        return (replace(rule, clause=clause),)

    def _asked(
        self, misses: Sequence[Example], close_calls: Sequence[Example]
    ) -> tuple[tuple[Learnt, ...], Seen]:
        """What a rule learns from: of each attack the reading that is most like its request.

        The requests themselves too: a disguise may have changed words that the next one does not.
        """
        pairs = [(item, True) for item in misses] + [(item, False) for item in close_calls]
        found: dict[str, Learnt] = {}
        for item, was_missed in pairs:
            said = self.readings.see(self.readings.of(item.text))
            request = self.readings.see([item.template or item.text])
            text = said.texts[int(likeness(said, request)[:, 0].argmax())]
            found.setdefault(text, Learnt(text, item.clause, was_missed))
        for item, was_missed in pairs:
            text = item.template or item.text
            found.setdefault(text, Learnt(text, item.clause, was_missed))
        return tuple(found.values()), self.readings.see(list(found))

    def _fitted(self, name: str, learnt: tuple[Learnt, ...], asked: Seen) -> Rule:
        """A rule whose threshold keeps the budget on safe requests that were held out."""
        config, safe = self.config, self.safe
        said = _judged(self.hardened, safe.texts)
        allowed = np.array([word.verdict == "allow" for word in said])
        found = Fit(
            asked,
            safe.seen,
            safe.readings_of(allowed),
            neighbours=config.neighbours,
            width=config.width,
            penalty=config.penalty,
        )
        threshold = safe.threshold(safe.held_out(found.scores), allowed, config.budget)
        weights = found.weights(np.ones(len(safe.seen.texts), bool))
        return Rule(name, "", learnt, found.basis, weights, config.width, threshold)

    def _covers(self, rule: Rule, item: Example) -> bool:
        """Whether a rule matches any reading of an attack."""
        return bool((rule.scores(self.readings.see(self.readings.of(item.text))) >= 0).any())


def missed(layer: Layer, attacks: Sequence[Example]) -> list[Example]:
    """The attacks that a layer allows; `unsure` is no miss, for it does not let an agent act."""
    judged = _judged(layer, [item.text for item in attacks])
    return [item for item, said in zip(attacks, judged, strict=True) if said.verdict == "allow"]


def red_team(requests: Sequence[Example], count: int, rng: np.random.Generator) -> list[Example]:
    """Draw `count` attacks: a harmful request, disguised by a family drawn for it.

    The template of an attack is the request that it disguises.
    """
    names = list(ATTACKS)
    found = []
    for _ in range(count):
        request = requests[int(rng.integers(len(requests)))]
        disguise = ATTACKS[names[int(rng.integers(len(names)))]]
        found.append(replace(request, text=disguise(request.text, rng), template=request.text))
    return found


def _judged(layer: Layer, texts: Sequence[str]) -> list[Judgement]:
    return layer.judge([Record(text) for text in texts])


def _narrow(said: Judgement, close_call: float) -> bool:
    """Whether something was refused by little."""
    return said.verdict == "refuse" and said.score < close_call
