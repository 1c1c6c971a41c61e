"""The public names of the room."""

import pytest

import daneel.memory


@pytest.mark.parametrize("name", daneel.memory.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Those that are imported late too."""
    assert getattr(daneel.memory, name) is not None


def test_an_unknown_name_is_refused() -> None:
    """As by any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Store'"):
        vars(daneel.memory)["__getattr__"]("Store")
