"""What can be closed can be used with `with`."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closing:
    """Base of stores: `with` gives the store itself and closes it at the end."""

    def close(self) -> None:
        """Gives back what is held; a second call does nothing."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes it."""
        self.close()
