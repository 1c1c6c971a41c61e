"""`daneel doctor` tells what is missing and how to mend it."""

import json
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import daneel
from daneel import cli
from daneel.cli import doctor
from daneel.envs import rendering


def _items(section: str) -> dict[str, doctor.Item]:
    return {item.name: item for item in doctor.examine(section)}


def test_json_report_covers_every_section(capsys: pytest.CaptureFixture[str]) -> None:
    """One object; exit code 0."""
    assert cli.main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["daneel"] == daneel.__version__
    sections = [item["section"] for item in report["items"]]
    assert list(dict.fromkeys(sections)) == [
        "machine",
        "gpu",
        "kernels",
        "rendering",
        "packages",
        "extras",
    ]
    assert {item["state"] for item in report["items"]} <= {"ok", "note", "missing"}


def test_machine_is_described() -> None:
    """Processor, memory and disk with their units."""
    items = _items("machine")
    assert "cores" in items["processor"].detail
    assert items["memory"].detail.endswith("GiB available")
    assert "GiB free in" in items["disk"].detail


def test_every_core_package_is_named_and_fits() -> None:
    """What the distribution asks for, and nothing missing where the tests run."""
    core = {r.name for r in map(Requirement, metadata.requires("daneel") or []) if not r.marker}
    items = _items("packages")
    assert set(items) == core
    assert [item for item in items.values() if item.state == "missing"] == []


def test_every_extra_is_listed() -> None:
    """Those for users; the suites are installed where the tests run."""
    items = _items("extras")
    assert set(items) == {
        "audio", "calibration", "clip", "demos", "gpu", "judge", "langchain", "memory", "onnx",
        "pgvector", "qdrant", "scale", "suites", "trackio", "verify",
    }  # fmt: skip
    assert items["suites"].state == "ok"


def test_absent_extra_names_the_line() -> None:
    """An extra that is not there is a note with the packages and the line that brings them."""
    items = [item for item in _items("extras").values() if item.state != "ok"]
    for item in items:
        assert item.state == "note"
        assert f'pip install "daneel[{item.name}]"' in item.detail


def test_without_a_renderer_the_libraries_and_the_line_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine with neither EGL nor OSMesa."""
    monkeypatch.setattr(rendering, "gl_backend", lambda: None)
    monkeypatch.setattr(doctor, "_is_installed", lambda _library: False)
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    for library in doctor.LIBRARIES:
        assert f"!! {library.name}" in out
        assert library.package in rendering.INSTALL
    assert out.rstrip().endswith(f"type\n  {rendering.INSTALL}")


def test_one_working_backend_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """OSMesa absent beside a working EGL is a note."""
    monkeypatch.setattr(rendering, "gl_backend", lambda: "egl")
    monkeypatch.setattr(doctor, "_is_installed", lambda library: library.package != "libosmesa6")
    items = _items("rendering")
    assert items["MuJoCo"].state == "ok"
    assert items["libOSMesa.so.8"].state == "note"
    assert items["libEGL.so.1"].state == "ok"


@pytest.mark.parametrize(
    ("requirement", "tested", "state", "detail"),
    [
        ("numpy>=1", metadata.version("numpy"), "ok", metadata.version("numpy")),
        ("numpy>=1", "1.0.0", "note", f"{metadata.version('numpy')}; tests ran with 1.0.0"),
        ("numpy>=99", None, "missing", f"{metadata.version('numpy')}, Daneel needs >=99"),
        ("no-such-package<2", None, "missing", "absent, Daneel needs <2"),
    ],
)
def test_package_versions_are_judged(
    requirement: str, tested: str | None, state: str, detail: str
) -> None:
    """In range, other than tested, out of range, absent; the last two say what to type."""
    item = doctor._package(Requirement(requirement), tested)
    assert (item.state, item.detail) == (state, detail)
    assert item.fix == (f'pip install "{requirement}"' if state == "missing" else None)


def test_constraints_pin_what_the_distribution_asks_for() -> None:
    """Every requirement of the core and of the installed extras allows its tested version."""
    tested = doctor._tested_versions()
    for requirement in doctor._requirements():
        version = tested.get(doctor.canonicalize_name(requirement.name))
        if not requirement.marker:
            assert version, f"{requirement.name} is not in constraints.txt"
        if version:
            assert requirement.specifier.contains(version), requirement.name


def test_failed_look_is_an_item_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken install is what doctor is for: the rest of the report still comes."""

    def broken() -> str:
        raise ImportError("libGLX.so.0: cannot open shared object file")

    monkeypatch.setattr(rendering, "gl_backend", broken)
    items = _items("rendering")
    assert items["rendering"].state == "missing"
    assert "libGLX.so.0" in items["rendering"].detail
    assert _items("packages")


def test_report_names_where_daneel_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Two installs on one machine are a common surprise."""
    cli.main(["doctor"])
    assert str(Path(daneel.__file__).parent) in capsys.readouterr().out.replace("\n", "")
