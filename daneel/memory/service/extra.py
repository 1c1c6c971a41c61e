"""Packages that come with the extra `memory`."""

from __future__ import annotations

from importlib.util import find_spec

from daneel.errors import MissingExtraError


def require(*packages: str) -> None:
    """Do nothing when the packages are installed.

    Raises:
        MissingExtraError: One is not; the message says what brings it.
    """
    for name in packages:
        if not _installed(name):
            raise MissingExtraError(
                f"The memory service needs the Python package {name!r}, which is not installed. "
                "It comes with the extra 'memory'. "
                'Type `pip install "daneel[memory]"`.'
            )


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # the parent of a dotted name is absent
        return False
