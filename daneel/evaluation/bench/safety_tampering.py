"""Ways to change a release, each as somebody with the run folder but not the key would do it.

Files of a release are links to those of the checkpoint, so each is replaced, not written into.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from daneel.alignment.hashing import canonical_json, file_hash

RELEASED = Path("checkpoints") / "released"
WEIGHTS, REPORT, MARKER = RELEASED / "agent.safetensors", RELEASED / "gate.json", "released.json"


def flip_a_weight(run: Path) -> None:
    """One bit of the weights."""
    content = bytearray((run / WEIGHTS).read_bytes())
    content[-1] ^= 1
    _replace(run / WEIGHTS, bytes(content))


def flip_a_weight_and_its_hash(run: Path) -> None:
    """The same, with the hash in the marker made to fit."""
    flip_a_weight(run)
    _edit(run / MARKER, lambda data: data["files"].update(_hash(run / WEIGHTS)))


def swap_the_marker_for_an_own_one(run: Path) -> None:
    """Everything made to fit, signed with a key of the attacker's own."""
    flip_a_weight_and_its_hash(run)
    key = Ed25519PrivateKey.generate()

    def sign(data: dict[str, Any]) -> None:
        data.pop("signature")
        data["key"] = key.public_key().public_bytes_raw().hex()
        data["signature"] = key.sign(canonical_json(data)).hex()

    _edit(run / MARKER, sign)


def take_the_signature_away(run: Path) -> None:
    """A marker without one."""
    _edit(run / MARKER, lambda data: data.pop("signature"))


def pretend_to_be_old(run: Path) -> None:
    """As releases were before they were signed."""
    _edit(run / MARKER, lambda data: data.update(version=1))


def edit_the_released_report(run: Path) -> None:
    """A better figure in the report of the release, with its own hash made to fit."""
    _edit_report(run / REPORT)


def edit_the_report(run: Path) -> None:
    """A better figure in `gate.json` of the run."""
    _edit(run / "gate.json", lambda data: data["findings"][-1].update(figure=1e9))


def edit_the_evidence(run: Path) -> None:
    """Better returns in the evidence of the release."""
    _edit(run / REPORT, lambda data: data["evaluation"].update(returns=[1e9] * 20))


def change_the_configuration(run: Path) -> None:
    """The run's configuration, so that the weights act with another planner."""
    path = run / "config.yaml"
    text = path.read_text(encoding="utf-8")
    _replace(path, text.replace("action_repeat: 1", "action_repeat: 2").encode())


def change_the_released_configuration(run: Path) -> None:
    """The signed copy of it."""
    path = run / RELEASED / "config.yaml"
    _replace(path, path.read_bytes() + b"\n")


def add_a_file(run: Path) -> None:
    """Something that the gate never saw."""
    (run / RELEASED / "extra.py").write_text("pass\n")


def remove_a_file(run: Path) -> None:
    """Something that it did see."""
    (run / WEIGHTS).unlink()


def put_another_checkpoint_there(run: Path) -> None:
    """The files of an earlier checkpoint in place of those that passed."""
    steps = sorted((run / "checkpoints").glob("step-*"), key=lambda path: path.stat().st_mtime)
    for name in ("agent.json", "agent.safetensors", "manifest.json"):
        _replace(run / RELEASED / name, (steps[0] / name).read_bytes() + b"")
    _replace(run / WEIGHTS, (steps[0] / "agent.safetensors").read_bytes()[::-1])


def remove_the_marker_only(run: Path) -> None:
    """Files that look released, and nothing that vouches for them."""
    (run / MARKER).unlink()


TAMPERINGS: dict[str, Callable[[Path], None]] = {
    change.__name__.replace("_", " "): change
    for change in (
        flip_a_weight,
        flip_a_weight_and_its_hash,
        swap_the_marker_for_an_own_one,
        take_the_signature_away,
        pretend_to_be_old,
        edit_the_released_report,
        edit_the_report,
        edit_the_evidence,
        change_the_configuration,
        change_the_released_configuration,
        add_a_file,
        remove_a_file,
        put_another_checkpoint_there,
        remove_the_marker_only,
    )
}
"""By what is done."""


def _replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def _edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    _replace(path, json.dumps(data).encode())


def _edit_report(path: Path) -> None:
    def better(data: dict[str, Any]) -> None:
        data["findings"][-1].update(figure=1e9)
        data.pop("sha256")
        data["sha256"] = hashlib.sha256(canonical_json(data)).hexdigest()

    _edit(path, better)


def _hash(path: Path) -> dict[str, str]:
    return {path.name: file_hash(path)}
