"""Finds the ten numbers of the law that spins the finger's body, by the cross-entropy method.

python benchmarks/experts/finger_spin.py [--rounds 36] [--seed 1]; a few minutes of a core

Random laws are tried on a body that spins already. From the best of them the mean and the deviation
of the better laws lead to the next round (Rubinstein and Kroese, 2004, "The Cross-Entropy Method"),
now on a body at rest. Simulates the suite's model directly, starts as in dm_control.
"""

from __future__ import annotations

import argparse
from typing import Any

import mujoco as _mujoco
import numpy as np

from daneel.agents.experts.finger import Law, Spin
from daneel.agents.experts.predictive_sampling import suite_model

mujoco: Any = _mujoco  # compiled, without types

LOW = np.array([-1.9, -1.6, -1, -1, -1.4, -1.4, 0.3, 0.0, 14, -0.02])
HIGH = np.array([0.2, 1.6, 1, 1, 1.4, 1.4, 3.2, 0.2, 30, 0.05])
"""Ranges of both centres, four swings, log stiffness, damping over stiffness, clock, ahead."""
ENOUGH = 15.0  # rad/s, the task's own


def law_of(numbers: np.ndarray) -> Law:
    """The law with ten numbers."""
    c1, c2, s1, s2, s3, s4, stiffness, damping, clock, ahead = (float(n) for n in numbers)
    stiffness = float(np.exp(stiffness))
    return Law((c1, c2), ((s1, s2), (s3, s4)), stiffness, damping * stiffness, ahead, clock)


def episode(numbers: np.ndarray, seed: int, decisions: int, spin: float = 0.0) -> float:
    """Mean reward, and a fifth of the mean speed (in units of 18 rad/s) to guide the search."""
    model, control = suite_model("finger"), Spin(law_of(numbers))
    model.dof_damping[2] = 0.03  # of the spin task
    data = mujoco.MjData(model)
    start(model, data, np.random.default_rng(seed))
    data.qvel[2] = -spin
    score = 0.0
    for _ in range(decisions):
        joints, angle = data.qpos[:2], data.qpos[2]
        tip = [-0.13 * np.sin(angle), 0.13 * np.cos(angle)]
        state = np.concatenate([joints, tip, [0.0, 0.0], data.qvel])
        data.ctrl[:] = control({"state": state})
        mujoco.mj_step(model, data, 2)
        score += (data.qvel[2] <= -ENOUGH) + 0.2 * min(-data.qvel[2], 18) / 18
    return score / decisions


def start(model: Any, data: Any, generator: np.random.Generator) -> None:
    """Random angles without contact."""
    limits = np.array([*model.jnt_range[:2], [-np.pi, np.pi]])
    while True:
        data.qpos[:] = generator.uniform(*limits.T)
        mujoco.mj_forward(model, data)
        if data.ncon == 0:
            return


def search(rounds: int, generator: np.random.Generator) -> np.ndarray:
    """The best of the mean laws [10] of all `rounds`, on the same five starts."""
    width = HIGH - LOW
    laws = generator.uniform(LOW, HIGH, (800, len(LOW)))
    scores = np.array([episode(law, 1, 120, spin=20.0) for law in laws])
    laws = laws[np.argsort(scores)[-30:]]
    scores = [np.mean([episode(law, seed, 300, spin=20.0) for seed in range(3)]) for law in laws]
    mean, deviation, found = laws[np.argmax(scores)], 0.12 * width, (-np.inf, laws[0])
    for number in range(rounds):
        noise = generator.standard_normal((40, len(LOW)))
        laws = np.clip(mean + deviation * np.vstack([0 * mean, noise]), LOW, HIGH)
        seeds = range(10 * number, 10 * number + 2)
        scores = [np.mean([episode(law, seed, 300) for seed in seeds]) for law in laws]
        best = laws[np.argsort(scores)[-8:]]
        mean = 0.3 * mean + 0.7 * best.mean(0)
        deviation = 0.4 * deviation + 0.6 * best.std(0) + 0.003 * width
        checked = float(np.mean([episode(mean, seed, 500) for seed in range(1000, 1005)]))
        found = max(found, (checked, mean), key=lambda pair: pair[0])
        print(f"round {number}: best {max(scores):.3f}, mean law {checked:.3f}", flush=True)
    return found[1]


def main() -> None:
    """Search, and print the law with its score on other starts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=36)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    numbers = search(arguments.rounds, np.random.default_rng(arguments.seed))
    print(law_of(numbers))
    print([round(float(episode(numbers, seed, 1000)), 3) for seed in range(5000, 5010)])


if __name__ == "__main__":
    main()
