"""The key is made once and kept private; what it did not sign is told apart."""

from __future__ import annotations

import json
import multiprocessing
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from daneel.alignment import signing
from daneel.errors import CheckpointError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration folder."""
    monkeypatch.setenv("DANEEL_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def test_the_key_is_made_on_first_use_and_only_its_owner_reads_it(folder: Path) -> None:
    """And it stays the same."""
    assert not folder.exists()
    first, second = signing.sign({"a": 1}), signing.sign({"a": 1})
    assert first == second  # ed25519 is deterministic
    assert stat.S_IMODE((folder / "signing_key.pem").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["signing_key.pem"]
    assert signing.signature_fault(first) is None


def test_without_the_variable_it_is_in_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the desktop's convention has it."""
    monkeypatch.delenv("DANEEL_CONFIG_DIR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert signing.config_folder() == tmp_path / "daneel"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert signing.config_folder() == tmp_path / "home" / ".config" / "daneel"


def test_asking_what_is_trusted_makes_no_key(folder: Path) -> None:
    """Verifying is not using."""
    assert signing.trusted_keys() == {} and not folder.exists()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"a": 2}, "does not match"),
        ({"b": 2}, "does not match"),
        ({"signature": "0" * 128}, "does not match"),
        ({"signature": "zz"}, "carries no signature"),
        ({"signature": None}, "carries no signature"),
        ({"key": "0" * 64}, "does not match"),
        ({"key": 7}, "carries no signature"),
    ],
)
def test_what_was_changed_is_told(folder: Path, change: dict[str, object], fault: str) -> None:
    """Content, key or signature."""
    signed = {**signing.sign({"a": 1}), **change}
    assert fault in str(signing.signature_fault(signed))


def test_another_users_key_is_trusted_when_listed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before; a comment and an empty line are no keys."""
    signed = signing.sign({"a": 1})
    monkeypatch.setenv("DANEEL_CONFIG_DIR", str(tmp_path / "other"))
    assert "not trusted here" in str(signing.signature_fault(signed))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "trusted_keys").write_text(f"# ours\n\n{signed['key']} robot lab\n")
    assert signing.signature_fault(signed) is None
    assert signing.trusted_keys() == {signed["key"]: "robot lab"}


def test_a_line_that_is_no_key_is_refused(folder: Path) -> None:
    """Half a list must not pass for a list."""
    folder.mkdir()
    (folder / "trusted_keys").write_text("abc me\n")
    with pytest.raises(CheckpointError, match="64 hex digits"):
        signing.trusted_keys()


def test_a_key_that_others_can_read_is_refused(folder: Path) -> None:
    """As ssh does."""
    signing.sign({})
    (folder / "signing_key.pem").chmod(0o644)
    with pytest.raises(CheckpointError, match="chmod 600"):
        signing.sign({})


def test_a_file_that_is_no_key_is_refused(folder: Path) -> None:
    """Rubbish, or a key of another kind."""
    folder.mkdir()
    path = folder / "signing_key.pem"
    other = rsa.generate_private_key(65537, 1024).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for content in (b"rubbish", other):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(CheckpointError, match="judged again"):
            signing.sign({})


def test_a_folder_that_cannot_be_made_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the variable that chooses another."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DANEEL_CONFIG_DIR", str(tmp_path / "file" / "config"))
    with pytest.raises(CheckpointError, match="export DANEEL_CONFIG_DIR"):
        signing.sign({})


def test_two_processes_at_once_have_one_key(folder: Path) -> None:
    """Whoever is first wins, and the other takes it."""
    with multiprocessing.get_context("fork").Pool(4) as pool:
        keys = pool.map(_public, range(8))
    assert len(set(keys)) == 1


def _public(number: int) -> str:
    return str(signing.sign({"number": number})["key"])


def test_signed_data_survives_json(folder: Path) -> None:
    """Floats too: the canonical form is of what JSON can say."""
    signed = signing.sign({"figure": 0.1, "text": "é", "list": [1, None]})
    assert signing.signature_fault(json.loads(json.dumps(signed))) is None
