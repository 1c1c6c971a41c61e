"""Evaluations on the way: what they cost where every sample counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from daneel.envs import EnvConfig
from daneel.envs.twins import SampleBudgetError
from daneel.training import train
from tests.training.children import metrics, tiny_config


def test_evaluations_in_a_twin_are_free(tmp_path: Path) -> None:
    """Two episodes of sixty decisions with a budget of thirty; learning has that budget alone."""
    env = EnvConfig("Twin/DrawerDeployed-v0", kwargs={"hidden": 1, "budget": 30})
    few = tiny_config(tmp_path / "few", env, steps=25, eval_every=10, checkpoint_every=100)
    assert train(few).step == 25
    evaluations = [row["eval/lengths"] for row in metrics(tmp_path / "few") if "eval/return" in row]
    assert len(evaluations) >= 2 and all(lengths == [60, 60] for lengths in evaluations)
    many = tiny_config(tmp_path / "many", env, steps=40, eval_every=10, checkpoint_every=100)
    with pytest.raises(SampleBudgetError, match="30 samples"):
        train(many)
