"""What a policy remembers."""

import numpy as np

from daneel.agents.calibration.controllers import CONTROLLERS
from daneel.agents.calibration.history import first, probe
from daneel.agents.calibration.policy import Machine, Policy
from daneel.envs.twins import SourceTwin, load_task

TASK = load_task("Drawer")
CONTROLLER = CONTROLLERS.load("Drawer")
POLICY = Policy(CONTROLLER, np.array(CONTROLLER.gains), Machine.of(TASK.space.nominal[None]))


class Counting(SourceTwin):
    """Counts observations."""

    seen = 0

    def reset(self, **more):
        """Begin."""
        self.seen += 1
        return super().reset(**more)

    def step(self, action):
        """Step."""
        self.seen += 1
        return super().step(action)


def test_exactly_so_many_observations_are_taken():
    """No more and no fewer observations are taken than allowed, but for a lone reset."""
    for samples in (11, 61, 62, 130):
        env = Counting("Drawer")
        runs = probe(env, TASK, POLICY, samples, np.random.default_rng(0))
        assert sum(len(run.sensed) for run in runs) == env.seen
        assert samples - 1 <= env.seen <= samples
        assert all(len(run.sensed) == len(run.actions) + 1 for run in runs)


def test_the_beginning_of_a_history_is_a_shorter_history():
    """What was seen in the first samples is what fewer samples would have shown."""
    long = probe(SourceTwin("Drawer"), TASK, POLICY, 130, np.random.default_rng(0))
    short = probe(SourceTwin("Drawer"), TASK, POLICY, 75, np.random.default_rng(0))
    for one, other in zip(first(long, 75), short, strict=True):
        np.testing.assert_array_equal(one.sensed, other.sensed)
        np.testing.assert_array_equal(one.actions, other.actions)
