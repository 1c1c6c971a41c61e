"""Configurations survive the trip to YAML and back; every mistake is named."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import pytest

from daneel import config
from daneel.errors import ConfigError, UnknownNameError

A = TypeVar("A")


@dataclass(frozen=True)
class Env:
    """Inner configuration with everything optional."""

    id: str = "Pendulum-v1"
    kwargs: dict[str, Any] = field(default_factory=dict)
    max_episode_steps: int | None = None
    size: tuple[int, int] = (64, 64)


@dataclass(frozen=True)
class Planner:
    """Inner configuration that checks its own range."""

    name: str = "planner"
    mode: Literal["fast", "exact"] = "fast"
    rates: tuple[float, ...] = (1e-3,)
    horizon: int = 5

    def __post_init__(self) -> None:
        """Refuse a horizon below 1."""
        if self.horizon < 1:
            raise ConfigError(f"agent.horizon is {self.horizon}. Expected at least 1.")


@dataclass(frozen=True)
class Train(Generic[A]):
    """Outer configuration: generic over the agent's."""

    steps: int
    agent: A
    env: Env = Env()
    ratio: float = 0.8
    video: bool = False
    out: Path | None = None
    tags: list[str] = field(default_factory=list)
    limits: Mapping[str, float] = field(default_factory=dict)
    shape: Sequence[int] = ()
    either: int | float | str = 0


FULL = Train[Planner](
    steps=10,
    agent=Planner(mode="exact", rates=(1e-3, 3e-5), horizon=2),
    env=Env("Ant-v5", {"a": {"b": [1, 2.5, None, True]}}, 1000, (84, 96)),
    ratio=0.5,
    video=True,
    out=Path("runs/one"),
    tags=["x", "y: z"],
    limits={"low": -1.0},
    shape=(3, 4),
    either=2,
)


def test_round_trip_through_plain_data() -> None:
    """Nested dataclasses, tuples, literals, optionals and paths come back as they were."""
    data = config.to_dict(FULL)
    assert data["env"]["size"] == [84, 96]
    assert data["out"] == "runs/one"
    assert config.from_dict(Train[Planner], data) == FULL


def test_round_trip_through_yaml(tmp_path: Path) -> None:
    """The same through a file, small numbers and odd strings included."""
    config.save_yaml(tmp_path / "config.yaml", config.to_dict(FULL))
    assert config.from_dict(Train[Planner], config.load_yaml(tmp_path / "config.yaml")) == FULL


def test_absent_keys_keep_their_defaults() -> None:
    """Only the fields without a default are needed."""
    built = config.from_dict(Train[Planner], {"steps": 1, "agent": {}})
    assert built == Train(steps=1, agent=Planner())


def test_unbound_parameter_keeps_the_value() -> None:
    """Without a parameter, the slot takes what it gets."""
    assert config.from_dict(Train, {"steps": 1, "agent": {"any": 1}}).agent == {"any": 1}


def test_whole_number_is_a_number() -> None:
    """`ratio: 1` in a file means 1.0; an `int | float` keeps what was written."""
    built = config.from_dict(Train[Planner], {"steps": 1, "agent": {}, "ratio": 1, "either": 2})
    assert isinstance(built.ratio, float)
    assert built.either == 2
    assert isinstance(built.either, int)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"steps": "10"}, "steps is '10' (str). Expected a whole number."),
        ({"steps": 1.5}, "steps is 1.5 (float). Expected a whole number."),
        ({"steps": True}, "steps is True (bool). Expected a whole number."),
        ({"steps": None}, "steps is null. Expected a whole number."),
        ({"ratio": "much"}, "ratio is 'much' (str). Expected a number."),
        ({"video": 1}, "video is 1 (int). Expected true or false."),
        ({"env": 3}, "env is 3 (int). Expected a mapping of field names to values."),
        ({"env": {"id": 3}}, "env.id is 3 (int). Expected text."),
        ({"env": {"kwargs": [1]}}, "env.kwargs is [1] (list). Expected a mapping."),
        ({"env": {"max_episode_steps": "x"}}, "env.max_episode_steps is 'x' (str). Expected a"),
        ({"env": {"size": [1, 2, 3]}}, "env.size is [1, 2, 3] (list). Expected a list of 2"),
        ({"env": {"size": [1, "b"]}}, "env.size[1] is 'b' (str). Expected a whole number."),
        ({"tags": "x"}, "tags is 'x' (str). Expected a list."),
        ({"tags": ["x", 1]}, "tags[1] is 1 (int). Expected text."),
        ({"limits": {"low": "x"}}, "limits.low is 'x' (str). Expected a number."),
        ({"either": []}, "either is [] (list). Expected a whole number or a number or text."),
        (
            {"agent": {"mode": "exat"}},
            "agent.mode is 'exat'. Expected one of 'fast', 'exact'. Nearest: exact",
        ),
        ({"agent": {"horizon": 0}}, "agent.horizon is 0. Expected at least 1."),
    ],
)
def test_wrong_value_names_the_field(data: dict[str, Any], message: str) -> None:
    """Which field, what was seen, what was expected."""
    with pytest.raises(ConfigError) as caught:
        config.from_dict(Train[Planner], {"steps": 1, "agent": {}, **data})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"step": 1}, "no field 'step'. Nearest: steps"),
        ({"env": {"max_steps": 5}}, "no field 'env.max_steps'. Nearest: env.max_episode_steps"),
        ({"agent": {"qqq": 5}}, "Known: agent.name, agent.mode, agent.rates, agent.horizon."),
    ],
)
def test_unknown_key_is_answered_with_the_nearest(data: dict[str, Any], expected: str) -> None:
    """Dotted as the flags are."""
    with pytest.raises(ConfigError) as caught:
        config.from_dict(Train[Planner], {"steps": 1, "agent": {}, **data})
    assert expected in str(caught.value)


def test_hint_is_the_last_sentence() -> None:
    """`daneel train --help` unless the caller knows better; a range check speaks for itself."""
    for data, hint in (({"step": 1}, config.HINT), ({"steps": "x"}, config.HINT)):
        with pytest.raises(ConfigError) as caught:
            config.from_dict(Train[Planner], data)
        assert str(caught.value).endswith(hint)
    with pytest.raises(ConfigError, match=r"Edit the gate's file\.$"):
        config.from_dict(Env, {"id": 1}, hint="Edit the gate's file.")
    with pytest.raises(ConfigError, match=r"Expected at least 1\.$"):
        config.from_dict(Planner, {"horizon": 0})


def test_missing_required_field_is_named() -> None:
    """A field without a default must be given."""
    with pytest.raises(ConfigError, match="no value for 'steps'"):
        config.from_dict(Train[Planner], {"agent": {}})


def test_what_yaml_cannot_hold_is_refused() -> None:
    """Better now than when the file is read."""
    with pytest.raises(ConfigError, match="cannot hold"):
        config.to_dict(dataclasses.replace(FULL, tags=[{1, 2}]))


def test_merge_lays_one_over_the_other() -> None:
    """Mappings key by key, all else replaced; the inputs stay as they were."""
    base = {"env": {"id": "a", "kwargs": {"x": 1}}, "tags": [1, 2], "steps": 1}
    over = {"env": {"kwargs": {"y": 2}}, "tags": [3]}
    assert config.merge(base, over) == {
        "env": {"id": "a", "kwargs": {"x": 1, "y": 2}},
        "tags": [3],
        "steps": 1,
    }
    assert base["env"] == {"id": "a", "kwargs": {"x": 1}}


def test_saved_file_has_a_version_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    """The version comes first; loading takes it out again; no temporary file stays."""
    path = tmp_path / "config.yaml"
    config.save_yaml(path, {"steps": 3})
    assert path.read_text().splitlines() == [f"version: {config.VERSION}", "steps: 3"]
    assert config.load_yaml(path) == {"steps": 3}
    assert list(tmp_path.iterdir()) == [path]


def test_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at the worst moment leaves the old file whole."""
    path = tmp_path / "config.yaml"
    config.save_yaml(path, {"steps": 3})

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        config.save_yaml(path, {"steps": 4})
    assert config.load_yaml(path) == {"steps": 3}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 99\n", "has version 99. This Daneel reads versions up to"),
        ("version: x\n", "has version 'x'. Expected a whole number"),
        ("- a\n", "is not a configuration. Expected `field: value` lines"),
        ("1: a\n", "is not a configuration"),
        ("a: [\n", "is not valid YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "is not valid YAML"),
    ],
)
def test_foreign_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Newer, foreign, broken, or wanting to run code."""
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load_yaml(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_absent_file_is_named(tmp_path: Path) -> None:
    """With the folder to look into."""
    with pytest.raises(ConfigError, match=r"Cannot read the configuration .*none\.yaml"):
        config.load_yaml(tmp_path / "none.yaml")


def test_exponent_without_a_point_is_a_number(tmp_path: Path) -> None:
    """People write `1e-4`; plain YAML 1.1 would read text."""
    path = tmp_path / "config.yaml"
    path.write_text("a: 1e-4\nb: -3E+2\nc: 1e\nd: e5\n")
    assert config.load_yaml(path) == {"a": 1e-4, "b": -300.0, "c": "1e", "d": "e5"}


def test_shipped_presets_have_a_task_and_a_summary() -> None:
    """Each preset names itself and its environment, and its first line says what it does."""
    assert {"quickstart", "cheetah", "cartpole", "cup", "walker"} <= set(config.preset_names())
    for name in config.preset_names():
        preset = config.load_preset(name)
        assert preset["preset"] == name
        assert preset["env"]["id"]
        assert len(config.preset_summary(name)) > 10


def test_unknown_preset_is_answered_with_the_nearest() -> None:
    """And with the command that lists them all."""
    with pytest.raises(UnknownNameError) as caught:
        config.load_preset("cheeta")
    assert str(caught.value).startswith("Unknown preset 'cheeta'. Nearest: cheetah")
    assert str(caught.value).endswith("Type `daneel list presets` to see them all.")


def test_preset_may_be_a_file_of_the_user(tmp_path: Path) -> None:
    """A path that ends in .yaml is read as it is."""
    path = tmp_path / "mine.yaml"
    path.write_text("steps: 7\n")
    assert config.load_preset(str(path)) == {"steps": 7}
