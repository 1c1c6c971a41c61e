"""`daneel memory`: serve, add, search, stats, compact, verify."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from daneel.errors import ConfigError, unknown_name

# gRPC, which serving needs, is an extra: all else works without it.
if TYPE_CHECKING:
    from daneel.memory.service.serving import ServeOptions

Address = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="ADDRESS")]


@dataclass(frozen=True)
class StoreOptions:
    """Which store: a path, or an address like grpc://host:7420/episodes."""

    address: Address
    """A path, or memory:// grpc:// grpcs:// qdrant:// qdrant-edge:// postgresql://."""

    metric: Literal["cosine", "dot", "l2"] | None = None
    """How near vectors are: of a store that is made (cosine unless named), or that must be so."""

    token_file: Path | None = None
    """File with the bearer token for a memory server."""

    server_ca: Path | None = None
    """Authority of the server's certificate (PEM), for grpcs://."""

    json: bool = False
    """Print one JSON object."""


@dataclass(frozen=True)
class AddOptions(StoreOptions):
    """Add rows from JSONL or NPZ files, replacing those of the same ids.

    A line of JSONL: {"id": "a", "vector": [0.1, 0.2], "metadata": {"room": "kitchen"}}. An NPZ
    has the arrays ids [N], vectors [N, D] and metadata [N] of JSON texts. What was added before a
    mistake is kept, and typing the command again adds nothing twice.
    """

    files: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="FILE")] = ()
    """Files that end in .jsonl or .npz; - is JSONL on standard input."""

    batch: int = 10_000
    """Rows added in one call: all of them are kept or none."""

    def __post_init__(self) -> None:
        """Checks the files and the batch.

        Raises:
            ConfigError: There are no files, or no rows in a batch.
        """
        if not self.files:
            raise ConfigError(
                "No files were named. Expected .jsonl or .npz files, or - for standard input. "
                "Type `daneel memory add ADDRESS FILE`."
            )
        if self.batch < 1:
            raise ConfigError(f"batch is {self.batch}. Expected at least 1.")


@dataclass(frozen=True)
class SearchOptions(StoreOptions):
    """Find the nearest rows of a vector, of a stored row, or of every vector in a file."""

    vector: str | None = None
    """The query: numbers with commas between them."""

    like: str | None = None
    """Id of a stored row whose vector is the query."""

    queries: Path | None = None
    """A .npy of queries [Q, D], or an .npz with them as `vectors`."""

    k: int = 10
    """How many rows for each query."""

    where: str | None = None
    """Condition as JSON: {"room": "kitchen", "step": {"gte": 10}}."""

    def __post_init__(self) -> None:
        """Checks that there is one query.

        Raises:
            ConfigError: There is none, or more than one.
        """
        given = {"vector": self.vector, "like": self.like, "queries": self.queries}
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            raise ConfigError(
                f"{' and '.join(named) or 'No query'} given. Expected one of --vector, --like and "
                "--queries. Type `daneel memory search ADDRESS --vector 0.1,0.2`."
            )


@dataclass(frozen=True)
class StatsOptions(StoreOptions):
    """Show what a store holds: rows, dimension, metric, and what the engine says of itself."""


@dataclass(frozen=True)
class CompactOptions(StoreOptions):
    """Merge small files, drop what was deleted or replaced, bring the index up to date."""


@dataclass(frozen=True)
class VerifyOptions(StoreOptions):
    """Read everything and compare it with its checksums. Exits with 1 when something is wrong."""


Options = AddOptions | SearchOptions | StatsOptions | CompactOptions | VerifyOptions
ACTIONS = {
    "serve": "serve a folder of stores over gRPC",
    "add": "add rows from JSONL or NPZ files",
    "search": "find the nearest rows",
    "stats": "see what a store holds",
    "compact": "merge files, drop what was deleted",
    "verify": "read everything, find damage",
}
_OPTIONS: dict[str, type[Options]] = {
    "add": AddOptions,
    "search": SearchOptions,
    "stats": StatsOptions,
    "compact": CompactOptions,
    "verify": VerifyOptions,
}


def parse(argv: Sequence[str]) -> Options | ServeOptions:
    """Reads an action and its options."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_usage())
        raise SystemExit(0)
    name, *rest = argv
    if name not in ACTIONS:
        hint = "Type `daneel memory --help` to see them all."
        raise unknown_name("action of `daneel memory`", name, ACTIONS, hint)
    config = (tyro.conf.FlagCreatePairsOff,)
    cls = _serve_options() if name == "serve" else _OPTIONS[name]
    return tyro.cli(cls, prog=f"daneel memory {name}", args=rest, config=config)


def run(options: Options | ServeOptions) -> int:
    """Does it."""
    if not isinstance(options, StoreOptions):
        from daneel.memory.service.serving import serve

        serve(options)
        return 0
    return _run(options)


def _run(options: Options) -> int:
    from daneel.cli import memory_actions as actions

    if isinstance(options, AddOptions):
        return actions.add(options)
    if isinstance(options, SearchOptions):
        return actions.search(options)
    if isinstance(options, StatsOptions):
        return actions.stats(options)
    return (
        actions.compact(options) if isinstance(options, CompactOptions) else actions.verify(options)
    )


def _serve_options() -> type[ServeOptions]:
    from daneel.memory.service.serving import ServeOptions

    return ServeOptions


def _usage() -> str:
    actions = "\n".join(f"  {name:<8} {summary}" for name, summary in ACTIONS.items())
    return (
        "usage: daneel memory serve [options]\n"
        "       daneel memory add ADDRESS FILE... [options]\n"
        "       daneel memory search ADDRESS --vector 0.1,0.2 | --like ID | --queries FILE\n"
        "       daneel memory stats|compact|verify ADDRESS\n\n"
        f"Stores of vectors: rows of an id, a vector and metadata.\n\nactions:\n{actions}\n\n"
        "`daneel memory ACTION --help` shows the options of an action."
    )
