"""The replay against a naive list of episodes, and hindsight against hand-made episodes."""

from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daneel.errors import CheckpointError, ConfigError, SpaceError
from daneel.training.replay import Replay, memory_bytes

STATE = gym.spaces.Dict({"state": gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)})
GOAL = gym.spaces.Dict(
    {
        key: gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
        for key in ("state", "achieved", "goal")
    }
)
BOX = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)


@dataclass
class Episode:
    """Naive storage of one episode of one stream; `rows` are where the ring would have put it."""

    first_row: int
    obs: list[np.ndarray]
    steps: list[tuple[float, float, bool]] = field(default_factory=list)  # action, reward, term


class Oracle:
    """Lists of episodes per stream; the obvious, slow reading of what the replay promises."""

    def __init__(self, num_envs: int, rows: int) -> None:
        """Streams without episodes."""
        self.rows = rows
        self.streams: list[list[Episode]] = [[] for _ in range(num_envs)]
        self.next_row = [0] * num_envs

    def add(self, i: int, obs, action, reward, terminated, done, next_obs) -> None:
        """Append one transition of stream `i`."""
        if not self.streams[i]:
            self.streams[i].append(Episode(self.next_row[i], [obs]))
        episode = self.streams[i][-1]
        if not episode.obs:
            episode.obs.append(obs)
        episode.steps.append((action, reward, terminated))
        episode.obs.append(next_obs)
        self.next_row[i] += 1
        if done:
            self.next_row[i] += 1
            self.streams[i].append(Episode(self.next_row[i], []))

    def windows(self, horizon: int) -> dict[tuple[int, float], dict[str, np.ndarray]]:
        """Expected window of every valid start, by (stream, id of its first observation)."""
        found = {}
        for i, episodes in enumerate(self.streams):
            newest = max((e.first_row + len(e.obs) - 1 for e in episodes if e.obs), default=-1)
            for episode in episodes:
                for t in range(len(episode.steps)):
                    if episode.first_row + t > newest - self.rows:
                        found[i, float(episode.obs[t][1])] = window(episode, t, horizon)
        return found

    def contexts(self, count: int) -> dict[tuple[int, float], np.ndarray]:
        """Observations `[<= count, 2]` before every valid start, by its first observation."""
        found = {}
        for i, episodes in enumerate(self.streams):
            newest = max((e.first_row + len(e.obs) - 1 for e in episodes if e.obs), default=-1)
            for episode in episodes:
                oldest = max(0, newest - self.rows + 1 - episode.first_row)
                for t in range(oldest, len(episode.steps)):
                    before = episode.obs[max(oldest, t - count) : t]
                    found[i, float(episode.obs[t][1])] = np.reshape(before, (-1, 2))
        return found


def window(episode: Episode, t: int, horizon: int) -> dict[str, np.ndarray]:
    """What `sample` should return for a start at step `t`."""
    length = min(horizon, len(episode.steps) - t)
    pad = horizon - length
    obs = episode.obs[t : t + length + 1] + [episode.obs[t + length]] * pad
    steps = episode.steps[t : t + length] + [(0.0, 0.0, False)] * pad
    return {
        "obs": np.stack(obs),
        "action": np.array([[s[0]] for s in steps], np.float32),
        "reward": np.array([s[1] for s in steps], np.float32),
        "terminated": np.array([s[2] for s in steps], np.float32),
        "mask": np.array([1.0] * length + [0.0] * pad, np.float32),
    }


def fill(replay: Replay, oracle: Oracle, num_envs: int, ends: list[list[int]]) -> None:
    """Feed both; ends[t][i]: 0 goes on, 1 terminated, 2 truncated. Observations are unique ids."""
    ids = iter(range(1, 10**6))

    def fresh(i: int) -> np.ndarray:
        return np.array([i, next(ids)], np.float32)

    current = [fresh(i) for i in range(num_envs)]
    rng = np.random.default_rng(0)
    for row in ends:
        after = [fresh(i) for i in range(num_envs)]
        action = rng.normal(size=(num_envs, 1)).astype(np.float32)
        reward = rng.normal(size=num_envs).astype(np.float32)
        kind = np.array(row)
        obs, next_obs = {"state": np.stack(current)}, {"state": np.stack(after)}
        replay.add(obs, action, reward, kind == 1, kind == 2, next_obs)
        for i in range(num_envs):
            oracle.add(i, current[i], action[i, 0], reward[i], kind[i] == 1, kind[i] > 0, after[i])
        current = [fresh(i) if kind[i] else after[i] for i in range(num_envs)]


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, int, int, list[list[int]]]:
    """Streams, rows, horizon and how each step of each stream ends."""
    num_envs = draw(st.integers(1, 3))
    rows = draw(st.integers(4, 14))
    horizon = draw(st.integers(1, rows - 1))
    kinds = st.sampled_from([0, 0, 0, 1, 2]) if draw(st.booleans()) else st.sampled_from([1, 2])
    row = st.lists(kinds, min_size=num_envs, max_size=num_envs)
    return num_envs, rows, horizon, draw(st.lists(row, min_size=1, max_size=45))


@settings(max_examples=60, deadline=None)
@given(histories())
def test_windows_match_the_naive_oracle(history: tuple[int, int, int, list[list[int]]]) -> None:
    """Every window, over odd sizes, ends and wrap-arounds; and every valid start is drawn."""
    num_envs, rows, horizon, ends = history
    replay = Replay(STATE, BOX, rows * num_envs, num_envs, np.random.default_rng(1))
    oracle = Oracle(num_envs, rows)
    fill(replay, oracle, num_envs, ends)
    expected = oracle.windows(horizon)
    assert len(replay) == len(expected)
    batch = replay.sample(40 * len(expected), horizon)
    seen = set()
    for b in range(batch.mask.shape[0]):
        state = batch.obs["state"][b].numpy()
        key = (int(state[0, 0]), float(state[0, 1]))
        seen.add(key)
        want = expected[key]
        np.testing.assert_array_equal(state, want["obs"])
        for name in ("action", "reward", "terminated", "mask"):
            np.testing.assert_array_equal(getattr(batch, name)[b].numpy(), want[name], name)
    assert seen == set(expected)  # P(miss) < 45 * exp(-40) per example


@settings(max_examples=60, deadline=None)
@given(histories(), st.integers(1, 6))
def test_context_is_what_came_before(
    history: tuple[int, int, int, list[list[int]]], count: int
) -> None:
    """The observations of the same episode that are still stored, the nearest ones last."""
    num_envs, rows, horizon, ends = history
    replay = Replay(STATE, BOX, rows * num_envs, num_envs, np.random.default_rng(1))
    oracle = Oracle(num_envs, rows)
    fill(replay, oracle, num_envs, ends)
    expected = oracle.contexts(count)
    batch = replay.sample(200, horizon, count)
    assert batch.context_length is not None
    for b, length in enumerate(batch.context_length.tolist()):
        first = batch.obs["state"][b, 0].numpy()
        before = batch.context["state"][b].numpy()
        want = expected[int(first[0]), float(first[1])]
        assert length == len(want)
        np.testing.assert_array_equal(before[count - length :], want)
        filler = before[count - length] if length else first
        assert all((row == filler).all() for row in before[: count - length])
    bare = Replay(STATE, BOX, rows * num_envs, num_envs, np.random.default_rng(1))
    fill(bare, Oracle(num_envs, rows), num_envs, ends)
    same = bare.sample(200, horizon)  # asking for context draws nothing more
    np.testing.assert_array_equal(same.obs["state"], batch.obs["state"])
    assert same.context == {}
    assert same.context_length is None


def test_starts_are_uniform_over_valid_transitions() -> None:
    """A chi-square over streams with short and long episodes."""
    replay = Replay(STATE, BOX, 60, 2, np.random.default_rng(3))
    oracle = Oracle(2, 30)
    rng = np.random.default_rng(5)
    fill(replay, oracle, 2, (rng.random((100, 2)) < [0.05, 0.6]).astype(int).tolist())
    draws = 40_000
    ids = replay.sample(draws, 1).obs["state"][:, 0, 1].numpy()
    _, counts = np.unique(ids, return_counts=True)
    expected = draws / len(replay)
    assert len(counts) == len(replay)
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < len(replay) + 5 * np.sqrt(2 * len(replay))


def test_terminal_and_truncated_ends_by_hand() -> None:
    """Termination is 1, truncation 0; both end a window after the true last observation."""
    replay = Replay(STATE, BOX, 20, 1, np.random.default_rng(0))
    oracle = Oracle(1, 20)
    fill(replay, oracle, 1, [[0], [1], [0], [2]])
    batch = replay.sample(200, 2)
    for obs, terminated, mask in zip(batch.obs["state"], batch.terminated, batch.mask, strict=True):
        first = int(obs[0, 1])
        want = {1: ([0, 1], [1, 1]), 2: ([1, 0], [1, 0]), 4: ([0, 0], [1, 1]), 5: ([0, 0], [1, 0])}
        assert (terminated.tolist(), mask.tolist()) == want[first]
        assert int(obs[1, 1]) == first + 1  # the true final observation, never the next episode's


def test_discrete_actions_images_and_dtypes() -> None:
    """Images stay uint8, float64 becomes float32, discrete actions are int64 [B, H]."""
    space = gym.spaces.Dict(
        {
            "image": gym.spaces.Box(0, 255, (4, 4, 3), np.uint8),
            "state": gym.spaces.Box(-1, 1, (2,), np.float64),
        }
    )
    replay = Replay(space, gym.spaces.Discrete(3), 10, 2, np.random.default_rng(0))
    obs = {"image": np.full((2, 4, 4, 3), 7, np.uint8), "state": np.ones((2, 2))}
    no = np.zeros(2, bool)
    replay.add(obs, np.array([1, 2]), np.zeros(2), no, no, obs)
    batch = replay.sample(5, 3)
    assert str(batch.obs["image"].dtype) == "torch.uint8" and batch.obs["image"].shape[1] == 4
    assert str(batch.obs["state"].dtype) == "torch.float32"
    assert str(batch.action.dtype) == "torch.int64" and batch.action.shape == (5, 3)
    assert batch.mask.sum() == 5


def distance_reward(achieved: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """A goal reward that tests can compute by hand."""
    return -np.abs(achieved - goal)[:, 0]


def goal_replay(ratio: float, lengths: list[int], rows: int = 200) -> Replay:
    """Episodes whose achieved goal is 100 * episode + t; desired goal -1; last one stays open."""
    replay = Replay(
        GOAL, BOX, rows, 1, np.random.default_rng(0), relabel=distance_reward, relabel_ratio=ratio
    )

    def obs(value: float) -> dict[str, Any]:
        both = {key: np.array([[value]], np.float32) for key in ("state", "achieved")}
        return both | {"goal": np.array([[-1.0]], np.float32)}

    for e, length in enumerate(lengths):
        for t in range(length):
            ends = np.array([t == length - 1 and e < len(lengths) - 1])
            replay.add(
                obs(100 * e + t),
                np.zeros((1, 1)),
                np.array([5.0]),
                ends,
                np.array([False]),
                obs(100 * e + t + 1),
            )
    return replay


@pytest.mark.parametrize("rows", [200, 17])
def test_hindsight_goal_is_one_future_of_the_same_episode(rows: int) -> None:
    """All futures, only futures, one per window; rewards follow the new goal."""
    lengths = [4, 6, 3, 5]
    batch = goal_replay(1.0, lengths, rows).sample(2000, 3)
    achieved, goal = batch.obs["achieved"].numpy()[..., 0], batch.obs["goal"].numpy()[..., 0]
    assert (goal == goal[:, :1]).all()
    start, chosen = achieved[:, 0], goal[:, 0]
    episode = start // 100
    last = 100 * episode + np.array(lengths)[episode.astype(int)]
    assert ((chosen > start) & (chosen <= last)).all()
    for s in np.unique(start):  # every future of every start is drawn
        futures = np.unique(chosen[start == s])
        assert futures.tolist() == np.arange(s + 1, last[start == s][0] + 1).tolist()
    mask = batch.mask.numpy()
    want = -np.abs(achieved[:, 1:] - goal[:, 1:]) * mask
    np.testing.assert_allclose(batch.reward.numpy(), want)
    assert batch.terminated.sum() == 0


def test_hindsight_ratio_and_untouched_windows() -> None:
    """A fifth of the windows keeps the goal, reward and termination that were lived."""
    batch = goal_replay(0.8, [10] * 5).sample(5000, 2)
    real = batch.obs["goal"][:, 0, 0] == -1
    assert abs(real.float().mean().item() - 0.2) < 0.03
    assert (batch.reward[real] == 5.0 * batch.mask[real]).all()
    assert batch.terminated[real].sum() > 0 and batch.terminated[~real].sum() == 0


def test_state_dict_continues_exactly() -> None:
    """Before, at and after the wrap-around: add and sample go on as if never stopped."""

    def feed(replay: Replay, start: int, stop: int) -> None:
        for t in range(start, stop):
            obs = {k: np.full((1, 1), t, np.float32) for k in GOAL.spaces}
            after = {k: v + 1 for k, v in obs.items()}
            done = np.array([t % 7 == 6])
            replay.add(obs, np.zeros((1, 1)), np.ones(1), done, ~done & False, after)

    def make(seed: int) -> Replay:
        return Replay(GOAL, BOX, 16, 1, np.random.default_rng(seed), relabel=distance_reward)

    for cut in (3, 7, 15, 16, 40):
        whole, stopped, resumed = make(0), make(0), make(99)
        feed(whole, 0, cut)
        feed(stopped, 0, cut)
        whole.sample(8, 2)
        stopped.sample(8, 2)
        resumed.load_state_dict(stopped.state_dict())
        feed(whole, cut, 55)
        feed(resumed, cut, 55)
        a, b = whole.sample(64, 3), resumed.sample(64, 3)
        for x, y in zip([*a.obs.values(), a.reward], [*b.obs.values(), b.reward], strict=True):
            assert x.equal(y)


def test_memory_estimate_is_what_is_allocated() -> None:
    """The estimate before the run is the ring's own size."""
    replay = Replay(GOAL, BOX, 1001, 2, np.random.default_rng(0), relabel=distance_reward)
    assert memory_bytes(GOAL, BOX, 1001, 2, hindsight=True) == replay.nbytes


def test_errors_say_what_to_type() -> None:
    """Capacity, ratio, spaces and an empty replay."""
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match=r"replay_capacity is 5 for 2.*--replay_capacity 8"):
        Replay(STATE, BOX, 5, 2, rng)
    with pytest.raises(ConfigError, match=r"relabel_ratio is 1.5"):
        Replay(GOAL, BOX, 50, 1, rng, distance_reward, 1.5)
    with pytest.raises(SpaceError, match=r"'achieved' and 'goal'.*\['state'\]"):
        Replay(STATE, BOX, 50, 1, rng, distance_reward)
    with pytest.raises(SpaceError, match="MultiDiscrete"):
        Replay(STATE, gym.spaces.MultiDiscrete([2, 2]), 50, 1, rng)
    with pytest.raises(SpaceError, match="'text' is a Text space"):
        Replay(gym.spaces.Dict(text=gym.spaces.Text(5)), BOX, 50, 1, rng)
    with pytest.raises(ValueError, match="empty"):
        Replay(STATE, BOX, 50, 1, rng).sample(1, 1)


def test_load_refuses_another_replay() -> None:
    """Another capacity or another observation is not silently reshaped."""
    rng = np.random.default_rng(0)
    state = Replay(STATE, BOX, 50, 1, rng).state_dict()
    with pytest.raises(CheckpointError, match="50 rows"):
        Replay(STATE, BOX, 60, 1, rng).load_state_dict(state)
    with pytest.raises(CheckpointError, match="replay_capacity, num_envs"):
        Replay(STATE, BOX, 100, 2, rng).load_state_dict(state | {"data": {}})
