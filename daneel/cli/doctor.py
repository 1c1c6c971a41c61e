"""`daneel doctor`: what this machine can do, what is missing, and the exact line that mends it."""

import ctypes
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rich.console import Console
from rich.markup import escape

import daneel
from daneel.errors import DaneelError

State = Literal["ok", "note", "missing"]

MARKS: dict[State, str] = {"ok": "[green]ok[/]", "note": "[yellow]--[/]", "missing": "[red]!![/]"}


@dataclass(frozen=True)
class Options:
    """Report on the renderer, the hardware, the packages and the system libraries."""

    json: bool = False
    """Print one JSON object."""


@dataclass(frozen=True)
class Item:
    """One line of the report."""

    section: str
    name: str
    state: State
    """ok; note: works, but worth knowing; missing: something cannot work until it is mended."""
    detail: str
    fix: str | None = None
    """The exact line to type."""


@dataclass(frozen=True)
class Library:
    """A shared library of the system that no Python package brings."""

    name: str
    """Name that the dynamic linker knows."""
    package: str
    """Debian package that brings it."""
    purpose: str
    files: tuple[str, ...] = ()
    """Where to look under /usr/lib for a driver that the linker does not know by name."""


LIBRARIES = (
    Library("libEGL.so.1", "libegl1", "off-screen rendering through EGL"),
    Library(
        "swrast_dri.so",
        "libgl1-mesa-dri",
        "EGL without a graphics card",
        files=("*/dri/swrast_dri.so", "*/libgallium-*.so"),
    ),
    Library("libOSMesa.so.8", "libosmesa6", "off-screen rendering in software"),
)


def run(options: Options) -> int:
    """Print the report; the exit code is 0 whatever it finds."""
    items = examine()
    if options.json:
        report = {"daneel": daneel.__version__, "items": [asdict(item) for item in items]}
        print(json.dumps(report, indent=2))
    else:
        _print(items)
    return 0


def examine(*sections: str) -> list[Item]:
    """Look at some sections, or at all; a look that fails becomes an item of its own."""
    items: list[Item] = []
    for section in sections or SECTIONS:
        try:
            items.extend(SECTIONS[section]())
        except (ImportError, OSError, DaneelError) as error:
            items.append(Item(section, section, "missing", f"could not be examined: {error}"))
    return items


def _print(items: list[Item]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]daneel {daneel.__version__}[/] in {Path(daneel.__file__).parent}")
    section = ""
    for item in items:
        if item.section != section:
            section = item.section
            console.print(f"\n[bold]{section}[/]")
        console.print(f"  {MARKS[item.state]} {item.name:<20} {escape(item.detail)}")
    fixes = list(dict.fromkeys(item.fix for item in items if item.fix and item.state == "missing"))
    if fixes:
        console.print("\n[bold]To mend what is missing, type[/]")
        for fix in fixes:
            console.print(f"  {escape(fix)}")
    elif all(item.state != "missing" for item in items):
        console.print("\nNothing is missing. Next: daneel train quickstart")


def _machine() -> Iterator[Item]:
    from daneel.evaluation.provenance import machine
    from daneel.training.ram import available_bytes

    this, available = machine(), available_bytes()
    free_ram = "?" if available is None else f"{available / 2**30:.1f}"
    yield Item("machine", "system", "ok", f"{this.system}, Python {platform.python_version()}")
    yield Item("machine", "processor", "ok", f"{this.cpu}, {this.cores} cores")
    yield Item("machine", "memory", "ok", f"{this.ram_gib} GiB, {free_ram} GiB available")
    free_gib = shutil.disk_usage(".").free / 2**30
    state: State = "ok" if free_gib >= 2 else "note"
    yield Item("machine", "disk", state, f"{free_gib:.1f} GiB free in {os.getcwd()}")


def _gpu() -> Iterator[Item]:
    import torch

    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(index)
            memory = f"{about.total_memory / 2**30:.0f} GiB"
            yield Item("gpu", f"cuda:{index}", "ok", f"{about.name}, {memory}")
    elif shutil.which("nvidia-smi"):
        detail = f"a driver is here, but torch {torch.__version__} cannot use it: CPU only"
        yield Item("gpu", "cuda", "note", detail)
    else:
        yield Item("gpu", "cuda", "note", "none; training runs on the CPU, which is enough")


def _kernels() -> Iterator[Item]:
    from daneel.backbones import kernels

    for operator, kernel in kernels().items():
        yield Item("kernels", operator, "ok", kernel)


def _rendering() -> Iterator[Item]:
    from daneel.envs.rendering import INSTALL, gl_backend

    backend = gl_backend()
    if backend:
        yield Item("rendering", "MuJoCo", "ok", f"off screen through {backend.upper()}")
    else:
        detail = "no EGL and no OSMesa: training works, videos are skipped"
        yield Item("rendering", "MuJoCo", "missing", detail, INSTALL)
    for library in LIBRARIES:
        if _is_installed(library):
            yield Item("rendering", library.name, "ok", library.purpose)
        else:
            state: State = "note" if backend else "missing"  # one working backend is enough
            detail = f"absent (Debian: {library.package}): {library.purpose}"
            yield Item("rendering", library.name, state, detail, INSTALL)
    yield _video_writer()


def _is_installed(library: Library) -> bool:
    if library.files:
        return any(any(Path("/usr/lib").glob(pattern)) for pattern in library.files)
    try:
        ctypes.CDLL(library.name)
    except OSError:
        return False
    return True


def _video_writer() -> Item:
    import imageio_ffmpeg

    try:
        version = imageio_ffmpeg.get_ffmpeg_version()
    except RuntimeError as error:
        fix = "pip install --force-reinstall imageio-ffmpeg"
        return Item("rendering", "ffmpeg", "missing", str(error), fix)
    return Item("rendering", "ffmpeg", "ok", f"{version} writes the videos")


def _packages() -> Iterator[Item]:
    tested = _tested_versions()
    for requirement in _requirements():
        if not requirement.marker:
            yield _package(requirement, tested.get(canonicalize_name(requirement.name)))


def _package(requirement: Requirement, tested: str | None) -> Item:
    name, wanted = requirement.name, str(requirement.specifier) or "any version"
    version = _version(name)
    if version is None:
        fix = f'pip install "{name}{requirement.specifier}"'
        return Item("packages", name, "missing", f"absent, Daneel needs {wanted}", fix)
    if not requirement.specifier.contains(version, prereleases=True):
        fix = f'pip install "{name}{requirement.specifier}"'
        return Item("packages", name, "missing", f"{version}, Daneel needs {wanted}", fix)
    if tested and version.partition("+")[0] != tested:
        return Item("packages", name, "note", f"{version}; tests ran with {tested}")
    return Item("packages", name, "ok", version)


def _extras() -> Iterator[Item]:
    about = metadata.metadata("daneel")
    for extra in sorted(about.get_all("Provides-Extra") or []):
        if extra in ("dev", "docs"):
            continue  # for work on Daneel, not with it
        absent = [
            requirement.name
            for requirement in _requirements()
            if requirement.marker
            and requirement.marker.evaluate({"extra": extra})
            and _version(requirement.name) is None
        ]
        if absent:
            detail = f'without {", ".join(absent)}: pip install "daneel[{extra}]"'
            yield Item("extras", extra, "note", detail)
        else:
            yield Item("extras", extra, "ok", "installed")


def _requirements() -> list[Requirement]:
    return [Requirement(line) for line in metadata.requires("daneel") or []]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _tested_versions() -> dict[str, str]:
    """Versions in the checkout's constraints file; a wheel has none and gets an empty answer."""
    path = Path(daneel.__file__).parents[1] / "constraints.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    pins = (line.partition("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): version.strip() for name, _, version in pins}


SECTIONS: dict[str, Callable[[], Iterator[Item]]] = {
    "machine": _machine,
    "gpu": _gpu,
    "kernels": _kernels,
    "rendering": _rendering,
    "packages": _packages,
    "extras": _extras,
}
"""What is looked at, in the order of the report."""
