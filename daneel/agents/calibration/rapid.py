"""Rapid adaptation: parameters guessed from the last decisions, online, as the policy acts.

The second half of rapid motor adaptation (Kumar et al. 2021, arXiv 2107.04034): a small network
that sees a short history learns, in randomised simulators, to tell the parameters of the machine.
What differs from the paper: it gives a normal distribution instead of a point, and what single
windows say is multiplied into a belief (a product of experts, Hinton 2002), so that sensors' bias,
seen only at the beginning of an episode, is not forgotten. A belief may begin with what samples
taken before have shown (`inference.py`). Windows overlap, and the network errs alike in windows
that are alike: each counts for a share of what it says.

No gradient is taken and no simulator run on the machine.

Legend: N copies, B windows, H decisions in a window, T decisions of an episode, P parameters,
Q joints, A actuators, F numbers of a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from daneel.agents.calibration.conditioned import Conditioned
from daneel.agents.calibration.inference import CORRELATED, Posterior
from daneel.agents.calibration.policy import Dithered
from daneel.agents.calibration.tuning import play
from daneel.envs.twins.parameters import Floats
from daneel.errors import ConfigError

_EARLIER = 3
"""Decisions before a window whose actions it sees: more than the longest delay."""
_PRIOR_MEAN, _PRIOR_VARIANCE = 0.5, 1 / 12
"""Of a parameter in units of its range."""
_LEAST = 0.01
"""Standard deviation that the network may claim, as a share of the range."""


@dataclass(frozen=True)
class RapidConfig:
    """How the network looks and learns."""

    window: int = 8
    """H."""
    width: int = 128
    """Of its two hidden layers."""
    episodes: int = 512
    """Simulated to learn from, each on a machine of its own."""
    stride: int = 3
    """From one window learned from to the next, in decisions."""
    epochs: int = 40
    """Passes over the windows."""
    batch: int = 256
    """Windows in a step of Adam."""
    rate: float = 2e-3
    """Of Adam, falling to nothing by a cosine."""
    dither: float = 0.3
    """Largest standard deviation of the noise on the actions; episodes have from none to this."""

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            ConfigError: A count is too small.
        """
        for name in ("window", "width", "episodes", "stride", "epochs", "batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}. Expected at least 1.")


class Encoder(nn.Module):
    """q(parameters | window): means and deviations of P parameters from a history."""

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        """Builds the network; its first weights come from torch's generator."""
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, 2 * outputs),
        )  # fmt: skip
        self.register_buffer("middle", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Means and deviations [B, P] of windows [B, F]."""
        scaled = (windows - self.get_buffer("middle")) / self.get_buffer("spread")
        mean, raw = self.body(scaled.clamp(-5, 5)).chunk(2, dim=-1)
        return _PRIOR_MEAN + mean, _LEAST + functional.softplus(raw - 1.3)


@dataclass(frozen=True)
class Belief:
    """A normal distribution of each parameter, in units of its range."""

    precision: Floats
    """One over the variance [N, P]."""
    weighted: Floats
    """Precision times mean [N, P]."""

    @classmethod
    def prior(cls, count: int, size: int) -> Belief:
        """Before anything was seen."""
        precision = np.full((count, size), 1 / _PRIOR_VARIANCE)
        return cls(precision, _PRIOR_MEAN * precision)

    @property
    def mean(self) -> Floats:
        """[N, P], within the range."""
        return np.clip(self.weighted / self.precision, 0.0, 1.0)

    def and_also(self, mean: Floats, deviation: Floats, share: float) -> Belief:
        """With what a window says [N, P], less the prior that is in it, counted for a share."""
        precision = 1 / np.minimum(np.square(deviation), _PRIOR_VARIANCE)
        more = precision - 1 / _PRIOR_VARIANCE
        weighted = precision * mean - _PRIOR_MEAN / _PRIOR_VARIANCE
        return Belief(self.precision + share * more, self.weighted + share * weighted)


def window(
    sensed: Sequence[Floats], actions: Sequence[Floats], home: Floats, length: int
) -> Floats:
    """What the network sees [N, F] after the last of T observations, T > H.

    Args:
        sensed: T + 1 observations [N, 2 Q] since the episode began.
        actions: T actions [N, A].
        home: Mean of first positions [Q].
        length: H.
    """
    joints = len(home)
    rest = [np.zeros_like(actions[0])] * _EARLIER
    sent = [*rest, *actions][-(length + _EARLIER) :]
    first = sensed[0][:, :joints] - home
    return np.concatenate([*sensed[-(length + 1) :], *sent, first], axis=1)


@dataclass(frozen=True)
class RapidPolicy:
    """Adapts within an episode, from what it has seen in it and what it believed before."""

    conditioned: Conditioned
    """Gains for every machine."""
    encoder: Encoder
    """Tells machines apart."""
    length: int
    """H."""
    belief: Belief
    """At the beginning of an episode, one row."""

    def begin(self) -> Adapting:
        """A new episode, with what was believed before."""
        return Adapting(self)

    def believing(self, posterior: Posterior) -> RapidPolicy:
        """The same with what samples taken before have shown of the machine."""
        deviation = np.maximum(np.sqrt(np.square(posterior.root).sum(axis=1)), _LEAST)
        precision = 1 / np.square(deviation)[None]
        return replace(self, belief=Belief(precision, precision * posterior.mean))

    def updated(self, belief: Belief, sensed: list[Floats], actions: list[Floats]) -> Belief:
        """A belief after T observations, if they fill a window."""
        if len(actions) < self.length:
            return belief
        home = np.asarray(self.conditioned.task.home)
        seen = window(sensed, actions, home, self.length)
        with torch.no_grad():
            mean, deviation = self.encoder(torch.as_tensor(seen, dtype=torch.float32))
        said = mean.double().numpy(), deviation.double().numpy()
        return belief.and_also(*said, share=1 / (CORRELATED * self.length))

    @property
    def values(self) -> dict[str, float]:
        """What each parameter is believed to be at the beginning of an episode."""
        space = self.conditioned.task.space
        best = space.from_unit(self.belief.mean)[0]
        return dict(zip(space.names, map(float, best), strict=True))


class Adapting:
    """One episode of a `RapidPolicy`, in any number of copies."""

    def __init__(self, policy: RapidPolicy) -> None:
        """Begins with the belief of `policy`."""
        self._policy = policy
        self.belief = policy.belief
        """What is believed now."""
        self._sensed: list[Floats] = []
        self._actions: list[Floats] = []

    def act(self, sensed: Floats, goals: Floats, seconds: float) -> Floats:
        """Actions [N, A] in [-1, 1], after the belief has taken in what is sensed [N, 2 Q]."""
        self._sensed.append(np.asarray(sensed, float))
        self.belief = self._policy.updated(self.belief, self._sensed, self._actions)
        unit = np.broadcast_to(self.belief.mean, (len(sensed), self.belief.mean.shape[1]))
        self._actions.append(self._policy.conditioned.on(unit).act(sensed, goals, seconds))
        return self._actions[-1]


def train_rapid(
    conditioned: Conditioned, rng: np.random.Generator, config: RapidConfig | None = None
) -> RapidPolicy:
    """Learns to tell machines apart, in simulators drawn from the prior.

    Args:
        conditioned: What acts there, told the parameters with errors.
        rng: Draws machines, scenes, noise, first weights and batches.
        config: How the network looks and learns.

    Raises:
        ConfigError: A window is longer than an episode.
    """
    config, task = config or RapidConfig(), conditioned.task
    if config.window > task.decisions:
        raise ConfigError(
            f"window is {config.window}. Expected at most the {task.decisions} decisions of an "
            f"episode of {task.name}. The default is {RapidConfig().window}."
        )
    windows, truth = _examples(conditioned, rng, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        encoder = Encoder(windows.shape[1], truth.shape[1], config.width)
    encoder.get_buffer("middle").copy_(windows.mean(dim=0))
    encoder.get_buffer("spread").copy_(windows.std(dim=0).clamp(min=1e-6))
    _learn(encoder, windows, truth, rng, config)
    return RapidPolicy(conditioned, encoder, config.window, Belief.prior(1, truth.shape[1]))


def _examples(
    conditioned: Conditioned, rng: np.random.Generator, config: RapidConfig
) -> tuple[Tensor, Tensor]:
    """Windows [B, F] and the parameters of their machines in units of the range [B, P]."""
    task, count = conditioned.task, config.episodes
    unit = rng.random((count, len(task.space.names)))
    told = np.clip(unit + 0.2 * rng.standard_normal(unit.shape), 0, 1)
    dither = config.dither * rng.random((count, 1))
    acting = Dithered(conditioned.on(told), rng, dither)
    played = play(task, acting, task.space.from_unit(unit), rng, count)
    sensed, actions = list(played.sensed), list(played.actions)
    ends = range(config.window, task.decisions + 1, config.stride)
    seen = [
        window(sensed[: end + 1], actions[:end], np.asarray(task.home), config.window)
        for end in ends
    ]
    return (
        torch.as_tensor(np.concatenate(seen), dtype=torch.float32),
        torch.as_tensor(np.tile(unit, (len(seen), 1)), dtype=torch.float32),
    )


def _learn(
    encoder: Encoder,
    windows: Tensor,
    truth: Tensor,
    rng: np.random.Generator,
    config: RapidConfig,
) -> None:
    """Maximises the likelihood of the parameters."""
    steps = config.epochs * max(1, len(windows) // config.batch)
    optimizer = torch.optim.AdamW(encoder.parameters(), config.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.as_tensor(rng.integers(len(windows), size=config.batch))
        mean, deviation = encoder(windows[rows])
        loss = functional.gaussian_nll_loss(mean, truth[rows], deviation.square())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
