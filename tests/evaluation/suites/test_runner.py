"""Scoring a policy on skills: seeds, workers, crashes, going on after a stop."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from daneel import config
from daneel.envs.suites import find_skill
from daneel.errors import ConfigError, PolicyError, UnknownNameError
from daneel.evaluation import files
from daneel.evaluation.suites import episodes, runner, workers
from daneel.evaluation.suites.episodes import Stage, episode_seed
from daneel.evaluation.suites.policies import open_policy
from daneel.evaluation.suites.runner import GIVEN_UP, Request
from daneel.evaluation.suites.workers import Local

pytest.importorskip("panda_gym", reason="the extra 'suites' is not installed")

ACTING = "tests.evaluation.suites.acting:"
REACH = "panda-reach"


@pytest.fixture
def in_process(monkeypatch):
    """Workers in this process: what is tested does not depend on where they live."""
    monkeypatch.setitem(workers.ENGINES, "processes", Local)


@pytest.fixture
def crashing(monkeypatch):
    """Makes the simulator throw in episodes whose goal lies to the left, or in all."""

    class Crashing(gym.Wrapper):
        """Throws."""

        always = False

        def step(self, action):
            """As a simulator that became unstable."""
            result = self.env.step(action)
            if self.always or result[0]["goal"][1] > 0:
                raise RuntimeError("the simulation exploded")
            return result

    made = episodes.make_single
    monkeypatch.setattr(episodes, "make_single", lambda *a, **k: Crashing(made(*a, **k)))
    return Crashing


def request(policy: str, **settings) -> Request:
    """An evaluation of one cheap skill."""
    return Request(
        **{"suite": "panda", "policy": policy, "tasks": (REACH,), "workers": 1} | settings
    )


def outcomes(results) -> list[tuple]:
    """Everything of the episodes but the time they took."""
    found = results.of(REACH)
    return [(e.number, e.seed, e.success, e.return_, e.steps, e.instruction) for e in found]


def test_results_do_not_depend_on_the_workers():
    """One process, two processes and none give the same episodes, of a random policy too."""
    found = [runner.run(request("random", episodes=6, workers=count))[1] for count in (1, 2)]
    stage = Stage(find_skill(REACH), open_policy("random"), 0)
    alone = [stage.run(number).episode for number in reversed(range(6))]
    stage.close()
    one, two = map(outcomes, found)
    assert one == two
    assert [(e.number, e.return_) for e in reversed(alone)] == [(o[0], o[3]) for o in one]
    assert len({seed for _, seed, *_ in one}) == 6
    assert found[0].env_seconds > 0 and found[0].policy_seconds > 0


def test_the_seed_decides(in_process):
    """The same seed gives the same episodes, another seed others."""
    first, again = (outcomes(runner.run(request("random", episodes=3))[1]) for _ in range(2))
    other = outcomes(runner.run(request("random", episodes=3, seed=1))[1])
    assert first == again
    assert {o[1] for o in first}.isdisjoint(o[1] for o in other)
    assert episode_seed(0, "a", 0) != episode_seed(0, "b", 0)


def test_success_is_the_signal(in_process):
    """A policy that reaches succeeds, one that does not move fails."""
    reached = runner.run(request(ACTING + "toward_goal", episodes=3))[1]
    still = runner.run(request(ACTING + "still", episodes=3))[1]
    assert [e.success for e in reached.of(REACH)] == [True] * 3
    assert [e.success for e in still.of(REACH)] == [False] * 3
    assert all(e.steps == 50 for e in still.of(REACH))


def test_the_instruction_matters(in_process):
    """A policy that acts on the words does the paired episodes differently."""
    results = runner.run(request(ACTING + "obedient", episodes=8))[1]
    asked = {e.instruction.startswith("move"): e.success for e in results.of(REACH)}
    assert asked == {True: True, False: False}


def test_a_policys_own_rate_keeps_the_horizon(in_process):
    """At two environment steps a decision an episode has half the decisions, not half the steps."""
    stage = Stage(find_skill(REACH), open_policy(ACTING + "slow"), 0)
    assert stage.skill.config(2).max_episode_steps == 25
    episode = stage.run(0).episode
    stage.close()
    assert episode.steps == 2 * episode.decisions or episode.success


def test_a_killed_process_is_one_failed_episode():
    """The episode whose process died is failed, with the reason; the others are as ever."""
    results = runner.run(request(ACTING + "killed", episodes=4, seed=5))[1]
    whole = runner.run(request(ACTING + "toward_goal", episodes=4, seed=5))[1]
    failed = [e for e in results.of(REACH) if e.failure]
    assert 0 < len(failed) < 4
    assert all("SIGKILL" in (e.failure or "") and e.success is None for e in failed)
    for found, other in zip(results.of(REACH), whole.of(REACH), strict=True):
        assert found.failure or found.return_ == other.return_


def test_a_crash_of_the_simulator_is_one_failed_episode(in_process, crashing):
    """It has the simulator's own words, and the others are run in a new environment."""
    results = runner.run(request(ACTING + "toward_goal", episodes=6, seed=5))[1]
    failed = [e for e in results.of(REACH) if e.failure]
    assert 0 < len(failed) < 6
    assert all("RuntimeError: the simulation exploded" in (e.failure or "") for e in failed)
    assert [e.success for e in results.of(REACH) if not e.failure] == [True] * (6 - len(failed))


def test_a_skill_that_always_crashes_is_given_up(in_process, crashing):
    """After three lost episodes in a row the rest counts as failed without being tried."""
    crashing.always = True
    results = runner.run(request(ACTING + "toward_goal", episodes=6))[1]
    reasons = [e.failure or "" for e in results.of(REACH)]
    assert ["exploded" in reason for reason in reasons] == [True] * 3 + [False] * 3
    assert reasons[3:] == [GIVEN_UP] * 3


def test_an_evaluation_goes_on(tmp_path, in_process, crashing):
    """What was stopped in the middle ends as if it had not been."""
    kept, asked = tmp_path / "kept.jsonl", request(ACTING + "toward_goal", episodes=5)
    whole = runner.run(asked)[1]

    def stop(results):
        if results.count == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run(asked, kept, stop)
    assert len(files.read_jsonl(kept)) == 3
    ran = []
    results = runner.run(asked, kept, lambda found: ran.append(found.count))[1]
    assert ran == [3, 4, 5]
    assert outcomes(results) == outcomes(whole)
    assert results.env_seconds > 0


def test_another_evaluation_does_not_go_on(tmp_path, in_process):
    """What is kept of one request is refused for another."""
    kept = tmp_path / "kept.jsonl"
    runner.run(request("random", episodes=1), kept)
    with pytest.raises(ConfigError, match="another evaluation"):
        runner.run(request("random", episodes=2), kept)


@pytest.mark.parametrize(
    ("policy", "parts"),
    [
        ("too_long", ["shape [4]", "Expected [3]"]),
        ("not_a_number", ["nan", "finite numbers"]),
        ("blind", ["KeyError: 'image'", "shown achieved, goal, state, text"]),
    ],
)
def test_a_wrong_policy_stops_everything(policy, parts):
    """The message says which, when, and what was expected."""
    with pytest.raises(PolicyError) as caught:
        runner.run(request(ACTING + policy, episodes=3))
    for part in [*parts, policy, "decision 1", REACH]:
        assert part in str(caught.value)


def test_a_skill_without_expert_is_not_run(in_process, monkeypatch):
    """It has a reason and no episodes, hence no score."""
    skill = config.from_dict(
        type(find_skill(REACH)), config.to_dict(find_skill(REACH)) | {"expert": None}
    )
    monkeypatch.setattr(workers.Job, "skill", lambda job, name: skill)
    results = runner.run(request("expert", episodes=3))[1]
    assert results.of(REACH) == ()
    assert "no expert" in results.not_run[REACH]


@pytest.mark.parametrize(
    ("settings", "kind", "part"),
    [
        ({"episodes": 0}, ConfigError, "episodes is 0"),
        ({"workers": 0}, ConfigError, "workers is 0"),
        ({"suite": "pandas"}, UnknownNameError, "panda"),
        ({"tasks": ("panda-rech",)}, UnknownNameError, REACH),
        ({"engine": "threads"}, UnknownNameError, "Unknown engine"),
    ],
)
def test_bad_requests(settings, kind, part):
    """Numbers out of range and unknown names are refused at once."""
    with pytest.raises(kind, match=part):
        request("random", **settings)


@pytest.mark.parametrize(
    ("policy", "part"),
    [
        ("no-such-run", "is no policy"),
        ("no.such.module:act", "Cannot load the policy"),
        (ACTING + "nobody", "Cannot load the policy"),
        ("gone.zip", "Cannot read the policy"),
        ("gone.onnx", "Cannot read the policy"),
    ],
)
def test_policies_that_are_not_there(policy, part):
    """The message says what a policy can be."""
    with pytest.raises(ConfigError, match=part):
        open_policy(policy)


def test_random_actions_fill_the_space(in_process):
    """Random actions lie within the bounds and differ from decision to decision."""
    stage = Stage(find_skill(REACH), open_policy("random"), 0)
    space, seen = stage.env.action_space, stage.env.observation_space
    assert isinstance(seen, spaces.Dict)
    performer = open_policy("random").performer(stage.skill, seen, space, 3)
    obs, _ = stage.env.reset(seed=0)
    batch = {key: value[None] for key, value in obs.items()}
    actions = [performer.act(batch)[0][0] for _ in range(20)]
    stage.close()
    assert all(space.contains(action) for action in actions)
    assert np.std(actions, axis=0).min() > 0.2


def test_ray_runs_the_same(monkeypatch):
    """Workers in a Ray cluster, here of this machine, give the same episodes."""
    ray = pytest.importorskip("ray", reason="the extra 'scale' is not installed")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        far = runner.run(request("random", episodes=2, engine="ray"))[1]
    finally:
        ray.shutdown()
    stage = Stage(find_skill(REACH), open_policy("random"), 0)
    near = [stage.run(number).episode.return_ for number in range(2)]
    stage.close()
    assert [e.return_ for e in far.of(REACH)] == near
