"""What every opener of an engine decides in the same way: which shape is meant, which index."""

from __future__ import annotations

from daneel.errors import MemoryStoreError, MissingExtraError
from daneel.memory.check import check_metric

INDEXES = ("flat", "hnsw")


def agreed_shape(
    where: str, found: tuple[int, str] | None, dim: int | None, metric: str | None
) -> tuple[int, str]:
    """Dimension and metric of a store that is opened or made.

    Args:
        where: The store, for the message.
        found: Its shape, None when there is none yet.
        dim: What was asked for; None takes what is there.
        metric: Likewise; None makes a new store one of cosines.

    Raises:
        ValueError: It must be made and `dim` is missing or wrong.
        MemoryStoreError: It is there and of another shape.
    """
    if found is None:
        if dim is None or dim < 1:
            raise ValueError(
                f"dim is {dim} and there is no store in {where} yet. "
                "Expected at least 1. Name the dimension of the vectors."
            )
        return dim, check_metric(metric or "cosine")
    if dim not in (None, found[0]):
        raise MemoryStoreError(f"{where} has dim {found[0]}, not {dim}. Open it with that dim.")
    if metric not in (None, found[1]):
        check_metric(metric)
        raise MemoryStoreError(
            f"{where} has metric {found[1]!r}, not {metric!r}. Open it with that metric."
        )
    return found


def check_index(index: str) -> bool:
    """Whether the index is approximate.

    Raises:
        ValueError: The engines have no such index.
    """
    if index not in INDEXES:
        raise ValueError(f"index is {index!r}. Expected one of {', '.join(INDEXES)} here.")
    return index == "hnsw"


def check_durability(durability: str) -> bool:
    """Whether writes must survive a loss of power.

    Raises:
        ValueError: It is neither of the two.
    """
    if durability not in ("process", "disk"):
        raise ValueError(f"durability is {durability!r}. Expected 'process' or 'disk'.")
    return durability == "disk"


def missing(package: str, store: str, extra: str) -> MissingExtraError:
    """The error when the package of an engine is not installed."""
    return MissingExtraError(
        f"A {store} store needs the Python package {package!r}, which is not installed. "
        f'It comes with the extra {extra!r}. Type `pip install "daneel[{extra}]"`.'
    )
