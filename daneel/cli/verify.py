"""`daneel verify`: prove a property of a network, or find an input that breaks it."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import tyro

from daneel.cli.time_limit import LEAST, TimeUpError, alarm, answer_in_time, seconds_alive
from daneel.errors import ConfigError, DaneelError

SPARE = 0.3
"""Seconds kept back for the last round and for printing."""

UP = "the time was up in the middle of a step"
"""Said where no search could end by itself."""

CERTIFICATES = "certificates"
"""Folder of a run in which proofs are kept."""


@dataclass(frozen=True)
class Options:
    """Prove a property of a run's actor or of an ONNX file, or find an input that breaks it.

    Prints holds, violated or unknown last, on a line of its own.
    """

    run: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="RUN")] = None
    """A run folder, with --property."""

    property: Path | None = None
    """The property of the run's actor, or of --onnx, a .yaml file."""

    which: str = "latest"
    """Checkpoint of the run: latest or step-N."""

    onnx: Path | None = None
    """A network, .onnx or .onnx.gz, with --vnnlib or --property."""

    vnnlib: Path | None = None
    """Its property, .vnnlib or .vnnlib.gz."""

    instances: Path | None = None
    """A CSV file of networks, properties and timeouts, one a line, in place of --onnx."""

    timeout: float = 60.0
    """Seconds of wall time, loading included; the CSV file's own count instead where it has any."""

    workers: int = 1
    """Instances verified at once, each on one core."""

    json: bool = False
    """Print JSON instead: one object, or a list of them for --instances."""

    def __post_init__(self) -> None:
        """Exactly one thing is to be verified.

        Raises:
            ConfigError: None, or several, or half of one.
        """
        given = (self.run is not None, self.onnx is not None, self.instances is not None)
        asked = (self.property is not None, self.vnnlib is not None)
        whole = sum(asked) == (0 if self.instances is not None else 1)
        if sum(given) != 1 or not whole or (self.run is not None and self.property is None):
            raise ConfigError(
                "It is not clear what to verify. Expected RUN with --property, --onnx with "
                "--vnnlib or --property, or --instances. Type `daneel verify --help`."
            )
        if not self.timeout > 0 or self.workers < 1:
            raise ConfigError(
                f"timeout is {self.timeout}, workers {self.workers}. Expected both above 0. "
                "Type for example `--timeout 60 --workers 2`."
            )


def run(options: Options) -> int:
    """Verify, print, and exit with 0 whatever the verdict."""
    if options.instances is not None:
        _many(options)
        return 0
    question = options.vnnlib or options.property
    if options.onnx is not None and question is not None:
        onnx, used = options.onnx, seconds_alive()
        named = {"onnx": str(onnx), "vnnlib": str(question)}
        found = _in_time(
            lambda: verify_files(onnx, question, options.timeout, used), options.timeout, named
        )
    else:
        found = _in_time(lambda: _verify_run(options), options.timeout, {"run": str(options.run)})
    if options.json:
        print(json.dumps(found))
    else:
        print("\n".join(_lines(found)))
        print(found["verdict"])
    return 0


def _in_time(
    work: Callable[[], dict[str, Any]], timeout: float, named: dict[str, Any]
) -> dict[str, Any]:
    """The facts that `work` finds, or unknown when the time is up, whatever it is doing then."""
    found = answer_in_time(work, timeout)
    if found is None:
        return {**named, **_unknown(UP), "seconds": round(seconds_alive(), 3)}
    return found


def verify_files(onnx: Path, question: Path, timeout: float, used: float = 0.0) -> dict[str, Any]:
    """The verdict on a network and a property in files, as plain data.

    Args:
        onnx: The network.
        question: The property, VNN-LIB or YAML.
        timeout: Seconds of wall time.
        used: How many of them are spent already.
    """
    began = time.perf_counter() - used
    try:
        with alarm(timeout - used - SPARE / 2):
            found = _verdict(onnx, question, timeout, began)
    except TimeUpError:
        found = _unknown(UP)
    seconds = round(time.perf_counter() - began, 3)
    return {"onnx": str(onnx), "vnnlib": str(question), **found, "seconds": seconds}


def _verdict(onnx: Path, question: Path, timeout: float, began: float) -> dict[str, Any]:
    import torch

    from daneel.alignment.verification import (
        Budget,
        load_property,
        onnx_replay,
        read_onnx,
        read_vnnlib,
        verify,
    )

    torch.set_num_threads(1)
    graph = read_onnx(onnx)
    yaml = question.suffix in (".yaml", ".yml")
    wanted = load_property(question, graph.outputs) if yaml else read_vnnlib(question)
    replay = onnx_replay(onnx)
    left = max(LEAST, timeout - SPARE - (time.perf_counter() - began))
    return _facts(verify(graph, wanted, Budget(seconds=left), [replay]))


def _facts(result: Any) -> dict[str, Any]:
    return {
        "verdict": result.verdict,
        "boxes": result.boxes,
        "open": result.open,
        "bound": result.bound,
        "detail": result.detail,
        "witness": None if result.witness is None else asdict(result.witness),
    }


def _unknown(detail: str) -> dict[str, Any]:
    """The facts of what could not be decided."""
    return {
        "verdict": "unknown", "boxes": 0, "open": 0, "bound": None, "detail": detail,
        "witness": None,
    }  # fmt: skip


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['boxes']} boxes bounded in {found['seconds']:.2f} s"
    if found["verdict"] == "violated":
        yield f"witness, replayed: input {_numbers(found['witness']['input'])}"
        yield f"                  output {_numbers(found['witness']['output'])}"
    if found["verdict"] == "unknown":
        yield found["detail"] or f"{found['open']} boxes are neither proved nor disproved"
    if found.get("proof"):
        yield found["proof"]


def _numbers(values: Any) -> str:
    shown = ", ".join(f"{value:.9g}" for value in list(values)[:12])
    return f"[{shown}{', ...' if len(values) > 12 else ''}]"


# -- a run ---------------------------------------------------------------------------------------


def _verify_run(options: Options) -> dict[str, Any]:
    began = time.perf_counter() - seconds_alive()
    import torch

    from daneel.alignment.verification import Budget, FormalVerifier, load_property
    from daneel.cli.gate import load_candidate

    assert options.run is not None and options.property is not None
    torch.set_num_threads(1)
    candidate = load_candidate(options.run, options.which)
    low, high = torch.from_numpy(candidate.box_low), torch.from_numpy(candidate.box_high)
    actor = candidate.actor.cpu().eval()
    with torch.no_grad():
        outputs = actor(((low + high) / 2)[None]).shape[1]
    wanted = load_property(options.property, outputs, (low, high))
    left = max(LEAST, options.timeout - SPARE - (time.perf_counter() - began))
    verifier = FormalVerifier(Budget(seconds=left), options.run / CERTIFICATES)
    found = verifier.update(actor, wanted)
    return {
        "run": str(options.run),
        "checkpoint": candidate.path.name,
        "property": wanted.name,
        **_facts(found.result),
        "seconds": round(time.perf_counter() - began, 3),
        "proof": _proof(found),
    }


def _proof(found: Any) -> str:
    if found.result.verdict != "holds":
        return ""
    if found.anew:
        kept = "; the certificate is kept with the run" if found.stored else ""
        return f"proved from scratch{kept}"
    return (
        f"re-proved from its certificate: {found.kept} of {found.cells} cells kept without "
        f"bounding them, {found.bounded} boxes bounded again"
    )


# -- many ----------------------------------------------------------------------------------------


def read_instances(path: Path, timeout: float) -> list[tuple[Path, Path, float]]:
    """The lines of a CSV file: network, property, and a timeout where one is given.

    Paths are relative to the file.

    Raises:
        ConfigError: The file is absent, or a line is not of this form.
    """
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}. Expected lines of onnx,vnnlib,timeout. "
            "Check the path."
        ) from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            seconds = float(line[2]) if len(line) > 2 else timeout
            found.append((path.parent / line[0].strip(), path.parent / line[1].strip(), seconds))
        except (ValueError, IndexError) as error:
            raise ConfigError(
                f"{path}, line {number}: {','.join(line)!r}. Expected onnx,vnnlib,timeout. "
                "Mend that line."
            ) from error
    return found


def _many(options: Options) -> None:
    assert options.instances is not None
    instances = read_instances(options.instances, options.timeout)
    found = []
    for item in verify_many(instances, options.workers):
        found.append(item)
        if not options.json:
            print(
                f"{Path(item['onnx']).name} {Path(item['vnnlib']).name} "
                f"{item['verdict']} {item['seconds']:.2f}",
                flush=True,
            )
    if options.json:
        print(json.dumps(found, indent=1))
        return
    counts = {word: 0 for word in ("holds", "violated", "unknown")}
    for item in found:
        counts[item["verdict"]] += 1
    print(", ".join(f"{count} {word}" for word, count in counts.items()))


def verify_many(
    instances: list[tuple[Path, Path, float]], workers: int
) -> Iterator[dict[str, Any]]:
    """The verdict on each instance, in order; one that cannot be read is unknown and says why.

    So is one whose process died, of too little memory say; those behind it run on.
    """
    if workers == 1:
        yield from map(_verify_one, instances)
        return
    done = 0
    with _pool(workers) as pool:
        try:
            for found in pool.map(_verify_one, instances):
                yield found
                done += 1
            return
        except BrokenExecutor:
            pass
    for instance in instances[done:]:  # one of them breaks its process: each in one of its own
        with _pool(1) as pool:
            try:
                found = pool.submit(_verify_one, instance).result()
            except BrokenExecutor:
                names = {"onnx": str(instance[0]), "vnnlib": str(instance[1])}
                found = {**names, **_unknown("its process died"), "seconds": 0.0}
        yield found


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def _verify_one(instance: tuple[Path, Path, float]) -> dict[str, Any]:
    onnx, vnnlib, timeout = instance
    began = time.perf_counter()
    try:
        return verify_files(onnx, vnnlib, timeout)
    except Exception as error:  # whatever is wrong with one of many must not end the others
        detail = (
            str(error) if isinstance(error, DaneelError) else f"{type(error).__name__}: {error}"
        )
        seconds = round(time.perf_counter() - began, 3)
        return {"onnx": str(onnx), "vnnlib": str(vnnlib), **_unknown(detail), "seconds": seconds}
