"""A deployed policy calibrates itself: from a few samples to gains that fit the machine it is on.

`EmbodiedCalibration` has a policy tuned in the nominal source simulator. On a machine there are two
ways on, which may be combined:

- Slow and thorough: it acts with some noise, infers from what it saw which parameters the machine
  has (`inference.py`), makes up for bias, strength and delay, and tunes its gains again in
  simulators drawn from that posterior (`tuning.py`). The recipe is that of SimOpt (Chebotar et al.
  2019, arXiv 1810.05687); what differs is the way to the posterior, by replays of short stretches.
- Rapid: gains that are a function of the parameters (`conditioned.py`) are fed a running guess from
  the last decisions (`rapid.py`), from the first episode on. The guess may begin with the posterior
  above; nothing is tuned on the machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import gymnasium as gym
import numpy as np

from daneel.agents.calibration.conditioned import ConditionedConfig, tune_conditioned
from daneel.agents.calibration.controllers import CONTROLLERS
from daneel.agents.calibration.history import Run, probe
from daneel.agents.calibration.inference import InferenceConfig, Posterior, infer
from daneel.agents.calibration.policy import Policy
from daneel.agents.calibration.rapid import RapidConfig, RapidPolicy, train_rapid
from daneel.agents.calibration.tuning import TuningConfig, tune
from daneel.envs.twins import Task
from daneel.errors import ConfigError


@dataclass(frozen=True)
class CalibrationConfig:
    """How a policy is made and adapted."""

    tuning: TuningConfig = field(default_factory=TuningConfig)
    """Of the policy, at home and each time again."""
    inference: InferenceConfig = field(default_factory=InferenceConfig)
    """Of the parameters."""
    conditioned: ConditionedConfig = field(default_factory=ConditionedConfig)
    """Of gains as a function of the parameters, at home."""
    rapid: RapidConfig = field(default_factory=RapidConfig)
    """Of the network that guesses the parameters, at home."""
    dither: float = 0.3
    """Standard deviation of the noise on the actions while it looks, as a share of full force."""
    draws: int = 24
    """Simulators drawn from the prior or the posterior."""


@dataclass(frozen=True)
class Adapted:
    """What came of an adaptation."""

    policy: Policy
    """Fits the machine."""
    posterior: Posterior
    """What is known of the machine."""
    samples: int
    """Observations that it took."""


class EmbodiedCalibration:
    """Makes a policy in the source simulator and adapts it to the machine it finds itself on."""

    def __init__(self, task: Task, seed: int = 0, config: CalibrationConfig | None = None) -> None:
        """Tunes the source policy, which takes seconds.

        Args:
            task: The task; its controller is looked up by its name.
            seed: Of everything that is drawn here.
            config: How much of everything.

        Raises:
            UnknownNameError: The task has no controller.
        """
        self.task, self.config = task, config or CalibrationConfig()
        self._seed = seed
        self._rapid: RapidPolicy | None = None
        self._controller = CONTROLLERS.load(task.name)
        nominal = task.space.nominal[None]
        self.policy = tune(task, self._controller, nominal, self._rng(0), self.config.tuning)
        """The source policy: good where the parameters are nominal."""

    def randomised(self) -> Policy:
        """The source policy tuned again over the whole prior: plain domain randomisation."""
        rng = self._rng(1)
        return self._again(self.task.space.draw(rng, self.config.draws), rng)

    def rapid(self) -> RapidPolicy:
        """A policy that guesses its machine as it acts; it takes no sample to make.

        With samples, `calibration.rapid().believing(adapted.posterior)` begins where they ended.
        """
        if self._rapid is None:
            rng, task = self._rng(4), self.task
            conditioned = tune_conditioned(
                task, self._controller, self.policy.gains, rng, self.config.conditioned
            )
            self._rapid = train_rapid(conditioned, rng, self.config.rapid)
        return self._rapid

    def look(self, env: gym.Env, samples: int) -> list[Run]:
        """Acts on the machine for exactly `samples` observations.

        Raises:
            ConfigError: There are too few samples to learn from.
            SampleBudgetError: The machine gives fewer.
        """
        if samples < 10:
            raise ConfigError(
                f"samples is {samples}. Expected at least 10: parameters show in how a motion "
                "goes on. Pass for example samples=200."
            )
        return probe(env, self.task, self.policy, samples, self._rng(2), self.config.dither)

    def learn(self, runs: list[Run]) -> Adapted:
        """Infers the parameters from what was seen and tunes the policy for them."""
        rng = self._rng(3)
        posterior = infer(self.task, runs, rng, self.config.inference)
        policy = self._again(posterior.draw(rng, self.config.draws), rng)
        return Adapted(policy, posterior, sum(len(run.sensed) for run in runs))

    def adapt(self, env: gym.Env, samples: int = 500) -> Adapted:
        """Acts, infers, tunes: all of the above.

        Args:
            env: The machine, a `DeployedTwin` say.
            samples: Observations to take.

        Raises:
            ConfigError: There are too few samples to learn from.
            SampleBudgetError: The machine gives fewer.
        """
        return self.learn(self.look(env, samples))

    def _again(self, parameters: np.ndarray, rng: np.random.Generator) -> Policy:
        start = self.policy.gains
        return tune(self.task, self._controller, parameters, rng, self.config.tuning, start=start)

    def _rng(self, use: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, use])
