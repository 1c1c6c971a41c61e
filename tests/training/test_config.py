"""The command line of `daneel train`: what stacks on what, and what is refused with which words."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from daneel.agents import AGENTS
from daneel.config import preset_names, to_dict
from daneel.envs import EnvConfig
from daneel.errors import ConfigError, UnknownNameError
from daneel.training import TrainConfig, from_data, parse, resolve
from tests.training import tiny_agent

tiny_agent.register()
TINY = tiny_agent.TinyAgent.Config()


def test_defaults_preset_and_flags_stack(tmp_path: Path) -> None:
    """Flags over preset over defaults; nested fields one by one."""
    preset = tmp_path / "mine.yaml"
    preset.write_text(
        "preset: mine\nenv:\n  id: Pendulum-v1\n  action_repeat: 2\n"
        "agent:\n  name: tiny\n  width: 8\nsteps: 500\n"
    )
    config = parse([str(preset), "--env.num-envs", "3", "--agent.horizon", "4", "--seed", "7"])
    assert config.env == EnvConfig("Pendulum-v1", num_envs=3, action_repeat=2)
    assert config.agent == tiny_agent.TinyAgent.Config(width=8, horizon=4)
    assert (config.preset, config.steps, config.seed, config.threads) == ("mine", 500, 7, 1)
    under = parse([str(preset), "--env.num_envs", "3", "--agent.horizon", "4", "--seed", "7"])
    assert under == config


def test_an_environment_in_the_place_of_a_preset() -> None:
    """Its id names the run folder too."""
    config = parse(["dm_control/walker-walk-v0", "--agent", "tiny"])
    assert (config.env.id, config.preset) == (
        "dm_control/walker-walk-v0",
        "dm_control-walker-walk-v0",
    )


@pytest.mark.parametrize("words", [["--agent", "sac"], ["--agent=sac"], ["--agent.name", "sac"]])
def test_another_agent_brings_its_own_settings(words: list[str], tmp_path: Path) -> None:
    """Those of the preset's agent do not apply to it."""
    preset = tmp_path / "mine.yaml"
    preset.write_text("agent:\n  name: tiny\n  width: 8\n")
    config = parse([str(preset), *words, "--agent.gamma", "0.5"])
    assert config.agent == dataclasses.replace(AGENTS.load("sac").Config(), gamma=0.5)


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_is_a_training(preset: str) -> None:
    """And survives a round through plain data, as in `config.yaml`."""
    config = parse([preset])
    assert config.preset == preset
    assert from_data(to_dict(config)) == config


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["quikstart"], "Unknown preset or env 'quikstart'. Nearest: quickstart"),
        (["quickstart", "--agent", "tny"], "Unknown agent 'tny'. Nearest: .*tiny"),
        (["quickstart", "--agent"], "--agent has no value"),
        (["quickstart", "--tracker", "wanb"], "Unknown tracker 'wanb'. Nearest: wandb"),
        (["nowhere.yaml"], "Cannot read the configuration"),
    ],
)
def test_unknown_names(words: list[str], message: str) -> None:
    """The nearest are named."""
    with pytest.raises((UnknownNameError, ConfigError), match=message):
        parse(words)


def test_unknown_flags(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest flags are shown."""
    with pytest.raises(SystemExit):
        parse(["Pendulum-v1", "--agent", "tiny", "--sed", "3"])
    assert "--seed" in capsys.readouterr().err


def test_help_shows_the_fields_of_the_agent_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """With their docstrings."""
    with pytest.raises(SystemExit):
        parse(["Pendulum-v1", "--agent", "tiny", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "--agent.width" in shown and "Hidden units." in shown and "--env.id" in shown


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("steps", 0, "from 1"),
        ("threads", 0, "from 1"),
        ("eval_episodes", 0, "from 1"),
        ("log_every", -5, "from 1"),
        ("checkpoint_every", 0, "from 1"),
        ("replay_capacity", 0, "from 1"),
        ("eval_every", -1, "from 0"),
        ("seed", -1, "from 0 to 4294967295"),
        ("hindsight", 1.5, "from 0 to 1"),
        ("preset", "a/b", "letters"),
        ("device", "cuda:77", "cpu, cuda"),
        ("device", "tpu", "cpu, cuda"),
    ],
)
def test_ranges(field: str, value: Any, expected: str) -> None:
    """Each refused by name, with the value seen and what is expected."""
    with pytest.raises(ConfigError, match=rf"{field} is {value!r}. Expected .*{expected}"):
        TrainConfig(agent=TINY, **{field: value})


def test_resolve_fills_in_what_was_left_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth of the run, room for all of it, and a folder that is free; twice is once."""
    monkeypatch.chdir(tmp_path)
    config = TrainConfig(agent=TINY, env=EnvConfig(action_repeat=2), steps=4000, seed=9)
    full = resolve(config)
    assert (full.eval_every, full.checkpoint_every) == (400, 400)
    assert full.replay_capacity is not None and 2000 <= full.replay_capacity < 2600
    assert full.out is not None and full.out.startswith("runs/") and full.out.endswith("-custom-9")
    assert resolve(full) == full
    Path(full.out).mkdir(parents=True)
    assert resolve(config).out == full.out + "-2"
    never = resolve(dataclasses.replace(config, eval_every=0))
    assert never.eval_every == 0
