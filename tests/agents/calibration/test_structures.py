"""A structure is chosen on logs it was not fitted to, and the simplest wins a draw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from daneel.agents.calibration.calibrate import calibrate, save
from daneel.agents.calibration.column_map import read_yaml
from daneel.agents.calibration.problem import CalibrationError
from daneel.agents.calibration.recipe import Recipe, Settings, load_recipe, shipped
from daneel.agents.calibration.structures import (
    Choice,
    choose_structure,
    cross_validate,
    structures,
    with_structure,
)
from daneel.errors import DaneelError
from tests.agents.calibration.arms import ARM, TREE, planted_log

DAMPING = {"targets": "joint/shoulder/damping", "initial": 0.0, "low": 0, "high": 0.2}
REST = {key: value for key, value in TREE["parameters"].items() if key != "damping"}
SETTINGS = Settings(horizon=0.4, every=0.4, stride=10, noise=0.005, robust=0.0)


def _recipe(**variants: object) -> Recipe:
    tree = {
        "robot": {"kind": "arm", "nominal": dict(ARM.nominal)},
        "method": {"iterations": 5},
        "parameters": REST,
        "structures": variants,
    }
    return Recipe(tree, "test", settings=SETTINGS)


def test_the_term_that_moves_the_robot_is_chosen_and_a_dead_one_is_not() -> None:
    """The planted arm has viscous friction at its shoulder, and none that rises with load."""
    load = {"targets": "joint/elbow/load_friction", "initial": 0.0, "low": 0, "high": 0.2}
    recipe = _recipe(
        plain={},
        viscous={"parameters": {"damping": DAMPING}},
        both={"parameters": {"damping": DAMPING, "load": load}},
    )
    logs = [planted_log(1.2, noise=0.001, seed=seed) for seed in range(2)]
    said: list[str] = []
    found = choose_structure(recipe, logs, folds=2, say=said.append)
    assert found.tree["structure"]["chosen"] == "viscous"
    assert set(found.tree["parameters"]) == {*REST, "damping"}
    assert "structures" not in found.tree and len(said) == 3
    errors = found.tree["structure"]["errors"]
    assert errors["viscous"] < 0.5 * errors["plain"]


def test_the_choice_never_sees_the_logs_it_is_scored_on() -> None:
    """Every fold fits the rest and scores what was held out, once each."""
    seen: list[tuple[list[str], list[str]]] = []

    def score(recipe: Recipe, train: list, held: list) -> float:  # type: ignore[type-arg]
        seen.append(([log.name for log in train], [log.name for log in held]))
        return 0.0

    logs = [replace(planted_log(0.2), name=str(at)) for at in range(5)]
    cross_validate(_recipe(plain={}), logs, 3, score)
    for train, held in seen:
        assert not set(train) & set(held) and len(train) + len(held) == 5
    assert sorted(name for _, held in seen for name in held) == list("01234")
    seen.clear()
    cross_validate(_recipe(plain={}), logs[:1], 2, score)
    assert len(seen) == 2


def test_within_one_standard_error_the_simplest_is_taken() -> None:
    """And one that blows up never is."""
    noisy = np.array([[0.1, -0.1, 0.1], [0.0, 0.0, 0.0], [-1.0, 1.0, -0.9]])
    assert Choice(("a", "b", "c"), noisy).best == "a"
    clear = np.array([[0.5, 0.4, 0.6], [0.0, 0.0, 0.0]])
    assert Choice(("a", "b"), clear).best == "b"
    assert Choice(("a", "b"), np.array([[np.inf, 0.0, 0.0], [1.0, 1.0, 1.0]])).best == "b"
    with pytest.raises(CalibrationError, match="Every structure blows up"):
        _ = Choice(("a",), np.array([[np.inf]])).best


def test_what_is_wrong_with_structures_is_said() -> None:
    """None, an unknown one, a key that no structure may change."""
    bare = replace(_recipe(), tree={"parameters": REST})
    with pytest.raises(CalibrationError, match="names no structures"):
        structures(bare)
    with pytest.raises(DaneelError, match="plain"):
        with_structure(_recipe(plain={}), "plian")
    with pytest.raises(CalibrationError, match="has the key 'robot'"):
        structures(_recipe(plain={"robot": {}}))
    with pytest.raises(CalibrationError, match="folds is 1"):
        cross_validate(_recipe(plain={}), [planted_log(0.2)], 1)


def test_a_structure_may_change_settings_and_shipped_ones_can_be_read() -> None:
    """Settings of a structure lie over those of the recipe."""
    found = with_structure(_recipe(long={"settings": {"horizon": 1.5}}), "long")
    assert found.settings == replace(SETTINGS, horizon=1.5)
    for name in shipped():
        recipe = load_recipe(name)
        if "structures" in recipe.tree:
            for one in structures(recipe):
                made = with_structure(recipe, one)
                assert made.parameters(made.robot(made.columns())).names


def test_the_folder_says_what_was_chosen(tmp_path: Path) -> None:
    """And its recipe can be read again."""
    recipe = _recipe(viscous={"parameters": {"damping": DAMPING}})
    logs = [planted_log(0.8)]
    recipe = with_structure(recipe, "viscous")
    folder = save(calibrate(recipe, logs), recipe, logs, tmp_path / "out")
    assert read_yaml(folder / "calibration.yaml")["structure"] == {"chosen": "viscous"}
    assert load_recipe(folder / "recipe.yaml").tree["structure"] == {"chosen": "viscous"}
