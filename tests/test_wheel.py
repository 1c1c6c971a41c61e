"""The wheel is complete: it installs into an empty environment and trains from another folder."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from daneel import __version__, config

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


def _run(*command: object, cwd: Path) -> str:
    """Run without the checkout on the path, one thread; return what was printed."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    }
    environment |= {"OMP_NUM_THREADS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    line = [str(word) for word in command]
    done = subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(line)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


SHIPPED = (
    ".py", ".yaml", ".json", ".proto", ".desc", ".xml", ".gz", ".txt", ".safetensors", ".LICENSE"
)  # fmt: skip
"""Modules, presets and suites, reference scores, the protocol of the memory service."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built without a network from a copy of the sources."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    shutil.copytree(
        ROOT / "daneel", source / "daneel", ignore=shutil.ignore_patterns("__pycache__")
    )
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    _run(sys.executable, "-m", "pip", "wheel", *offline, "-w", source / "dist", source, cwd=source)
    (built,) = (source / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a new environment with the wheel; dependencies are those of this one."""
    home = tmp_path_factory.mktemp("environment")
    _run(sys.executable, "-m", "venv", "--without-pip", home, cwd=home)
    python = home / "bin" / "python"
    offline = ("--no-deps", "--no-index", "--quiet")
    _run(*(sys.executable, "-m", "pip", "--python", python, "install", *offline, wheel), cwd=home)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def test_wheel_holds_all_of_the_package_and_nothing_else(wheel: Path) -> None:
    """Every module, preset and marker file of the checkout; no tests, no benchmarks."""
    assert wheel.name == f"daneel-{__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {name for name in names if not name.startswith(f"daneel-{__version__}.dist-info/")}
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "daneel").rglob("*")
        if path.suffix in SHIPPED or path.name == "py.typed"
    }
    assert shipped == expected
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_installed_package_is_the_wheel(environment: Path, tmp_path: Path) -> None:
    """Not the checkout; presets and their summaries come along."""
    where = _run(
        environment / "python", "-c", "import daneel; print(daneel.__file__)", cwd=tmp_path
    )
    assert Path(where.strip()).is_relative_to(environment.parent)
    listed = json.loads(_run(environment / "daneel", "list", "presets", "--json", cwd=tmp_path))
    assert [item["name"] for item in listed["items"]] == config.preset_names()


def test_trains_from_another_folder(environment: Path, tmp_path: Path) -> None:
    """A hundred steps, with nothing but the wheel: a run folder with all that it should hold."""
    options = ("--steps", 100, "--agent.size", "tiny", "--agent.warmup", 50, "--out", "run")
    evaluation = ("--eval-every", 100, "--eval-episodes", 1, "--log-every", 100)
    _run(environment / "daneel", "train", "quickstart", *options, *evaluation, cwd=tmp_path)
    run = tmp_path / "run"
    assert config.load_yaml(run / "config.yaml")["steps"] == 100
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert max(record["step"] for record in records) == 100
    assert any("train/value" in record for record in records)
    for name in ("checkpoints", "report.html", "card.md", "gate.json", "eval.json"):
        assert (run / name).exists(), name
