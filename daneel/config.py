"""Frozen dataclasses to and from plain dictionaries and YAML; presets.

Every part of Daneel owns a frozen dataclass for its configuration. This module turns such a
dataclass into plain data and back with every type checked, saves it as versioned YAML, and finds
the presets that ship in `daneel/configs`.
"""

import dataclasses
import os
import re
import types
import typing
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import yaml

from daneel.errors import ConfigError, nearest, unknown_name
from daneel.files import replace_text

VERSION = 1
"""Version of the configuration files this code writes; it reads this and older ones."""

HINT = "Type `daneel train --help` to see every field."
"""Last sentence of what `from_dict` has to say, unless its caller knows better."""

T = TypeVar("T")


class _Loader(yaml.SafeLoader):
    """Plain YAML in which `1e-4` is a number; YAML 1.1 reads it as text for want of a point."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def require(holds: bool, name: str, value: object, expected: str) -> None:
    """Refuse a field's value: `holds` says whether it is in range (a NaN never should be).

    Raises:
        ConfigError: The value is not what was expected; the message names field, value and range.
    """
    if not holds:
        raise ConfigError(f"{name} is {value!r}. Expected {expected}. {HINT}")


def to_dict(config: Any) -> dict[str, Any]:
    """Return a dataclass instance as nested plain data (dict, list, str, int, float, bool, None).

    Tuples become lists and paths become strings; `from_dict` undoes both.
    """
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_dict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ConfigError(
        f"A configuration cannot hold {value!r} of type {type(value).__name__}. "
        "Expected dataclasses, mappings, sequences, strings, numbers, booleans or None."
    )


class _FieldError(ConfigError):
    """What is wrong with one field and what was expected, without the hint."""


def from_dict(cls: type[T], data: Mapping[str, Any], hint: str = HINT) -> T:
    """Build the dataclass `cls` from plain data; absent keys keep their defaults.

    Args:
        cls: A dataclass, or a parametrised generic one (`TrainConfig[PlannerConfig]`).
        data: Values by field name.
        hint: Last sentence of an error, the next command to type.

    Raises:
        ConfigError: A key is unknown (the nearest are named), missing, or has the wrong type.
    """
    try:
        return _build_dataclass(cls, data, where="")
    except _FieldError as error:
        raise ConfigError(f"{error} {hint}") from None


def _build_dataclass(cls: Any, data: Any, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise _wrong_type(where or cls.__name__, data, "a mapping of field names to values")
    origin = typing.get_origin(cls) or cls
    hints = typing.get_type_hints(origin)
    bound = dict(zip(getattr(origin, "__parameters__", ()), typing.get_args(cls), strict=False))
    fields = {f.name: f for f in dataclasses.fields(origin) if f.init}
    for key in data:
        if key not in fields:
            raise _unknown_key(str(key), list(fields), where)
    for name, field in fields.items():
        if name not in data and _is_required(field):
            raise _FieldError(
                f"The configuration has no value for {_join(where, name)!r}. "
                "This field has no default."
            )
    values = {
        name: _convert(bound.get(hints[name], hints[name]), value, _join(where, name))
        for name, value in data.items()
    }
    return origin(**values)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Return `value` as the annotated type `hint`, or raise an error naming `where`."""
    origin: Any = typing.get_origin(hint) or hint
    if hint is Any or isinstance(hint, TypeVar):
        return value
    if origin is typing.Annotated:
        return _convert(typing.get_args(hint)[0], value, where)
    if isinstance(origin, type) and dataclasses.is_dataclass(origin):
        return value if isinstance(value, origin) else _build_dataclass(hint, value, where)
    if origin in (Union, types.UnionType):
        return _convert_union(hint, value, where)
    if origin is Literal:
        return _convert_literal(typing.get_args(hint), value, where)
    if origin in (dict, Mapping):
        return _convert_mapping(hint, value, where)
    if origin in (list, tuple, Sequence):
        return _convert_sequence(hint, value, where)
    return _convert_scalar(origin, value, where)


def _convert_union(hint: Any, value: Any, where: str) -> Any:
    options = [option for option in typing.get_args(hint) if option is not types.NoneType]
    if value is None and len(options) < len(typing.get_args(hint)):
        return None
    options.sort(key=lambda option: option is not type(value))  # `float | int` keeps 3 an int
    errors = []
    for option in options:
        try:
            return _convert(option, value, where)
        except ConfigError as error:
            errors.append(error)
    if len(errors) == 1 or isinstance(value, Mapping):
        raise errors[0]
    raise _wrong_type(where, value, _describe(hint))


def _convert_literal(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    for choice in choices:
        if choice == value and type(choice) is type(value):
            return choice
    close = nearest(value, [str(choice) for choice in choices]) if isinstance(value, str) else []
    advice = f" Nearest: {', '.join(close)}." if close else ""
    raise _FieldError(
        f"{where} is {value!r}. Expected one of {', '.join(repr(c) for c in choices)}.{advice}"
    )


def _convert_mapping(hint: Any, value: Any, where: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise _wrong_type(where, value, "a mapping")
    key_hint, item_hint = typing.get_args(hint) or (Any, Any)
    return {
        _convert(key_hint, key, where): _convert(item_hint, item, _join(where, str(key)))
        for key, item in value.items()
    }


def _convert_sequence(hint: Any, value: Any, where: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong_type(where, value, "a list")
    is_list = (typing.get_origin(hint) or hint) is list
    hints = typing.get_args(hint) or (Any,)
    if is_list or len(hints) == 1 or hints[-1] is Ellipsis:
        hints = (hints[0],) * len(value)
    if len(hints) != len(value):
        raise _wrong_type(where, value, f"a list of {len(hints)} values")
    items = [
        _convert(item_hint, item, f"{where}[{index}]")
        for index, (item_hint, item) in enumerate(zip(hints, value, strict=True))
    ]
    return items if is_list else tuple(items)


def _convert_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and issubclass(kind, Path) and isinstance(value, str):
        return kind(value)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise _wrong_type(where, value, _describe(kind))


def _describe(hint: Any) -> str:
    args = typing.get_args(hint)
    if typing.get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_describe(arg) for arg in args)
    if hint is types.NoneType:
        return "null"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return words.get(hint, getattr(hint, "__name__", str(hint)))


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _wrong_type(where: str, value: Any, expected: str) -> _FieldError:
    seen = "null" if value is None else f"{value!r} ({type(value).__name__})"
    return _FieldError(f"{where} is {seen}. Expected {expected}.")


def _unknown_key(key: str, known: list[str], where: str) -> _FieldError:
    close = nearest(key, known)
    heading, names = ("Nearest", close) if close else ("Known", known)
    listed = ", ".join(_join(where, name) for name in names)
    return _FieldError(
        f"The configuration has no field {_join(where, key)!r}. {heading}: {listed}."
    )


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` laid on top; mappings are merged key by key, the rest replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def save_yaml(path: str | os.PathLike[str], data: Mapping[str, Any]) -> None:
    """Write `data` and the format's version to `path`, atomically: old or new, never half."""
    text = yaml.safe_dump({"version": VERSION, **data}, sort_keys=False, allow_unicode=True)
    replace_text(Path(path), text)


def load_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a configuration file; its `version` key is checked and left out.

    Raises:
        ConfigError: The file is absent, not YAML, not a mapping, or of a newer version.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Cannot read the configuration {str(path)!r}: {error}. Expected a YAML file. "
            f"Type `ls {path.parent}` to see what is there."
        ) from error
    return parse_yaml(text, origin=str(path))


def parse_value(text: str) -> Any:
    """One value as a configuration file would have it: `1e-4`, `true`, `word`, `[1, 2]`, `{a: 1}`.

    Raises:
        ConfigError: It is not YAML.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{text!r} is not valid YAML: {' '.join(str(error).split())}.") from error


def parse_yaml(text: str, origin: str) -> dict[str, Any]:
    """Parse the text of a configuration file; `origin` is what messages call it."""
    try:
        data = yaml.load(text, Loader=_Loader)  # a SafeLoader: builds plain data only
    except yaml.YAMLError as error:
        detail = " ".join(str(error).split())
        raise ConfigError(f"{origin} is not valid YAML: {detail}.") from error
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ConfigError(f"{origin} is not a configuration. Expected `field: value` lines.")
    version = data.pop("version", VERSION)
    if type(version) is not int or version < 1:
        raise ConfigError(f"{origin} has version {version!r}. Expected a whole number from 1.")
    if version > VERSION:
        raise ConfigError(
            f"{origin} has version {version}. This Daneel reads versions up to {VERSION}. "
            "Type `pip install --upgrade daneel`."
        )
    return data


def preset_names() -> list[str]:
    """Return the names of the presets that ship with Daneel, sorted."""
    return sorted(
        item.name.removesuffix(".yaml")
        for item in _preset_folder().iterdir()
        if item.name.endswith(".yaml")
    )


def preset_summary(name: str) -> str:
    """Return the first comment line of a shipped preset."""
    first = (_preset_folder() / f"{name}.yaml").read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip()


def load_preset(name: str) -> dict[str, Any]:
    """Return the settings of a preset: a name from `preset_names`, or the path of a .yaml file.

    Raises:
        UnknownNameError: No preset has this name; the message lists the nearest.
        ConfigError: The file cannot be read.
    """
    if name.endswith((".yaml", ".yml")):
        return load_yaml(name)
    if name not in preset_names():
        hint = "Type `daneel list presets` to see them all."
        raise unknown_name("preset", name, preset_names(), hint)
    text = (_preset_folder() / f"{name}.yaml").read_text(encoding="utf-8")
    return parse_yaml(text, origin=f"The preset {name!r}")


def _preset_folder() -> Traversable:
    return resources.files("daneel") / "configs"
