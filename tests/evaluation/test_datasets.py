"""Data sets by name: found, missing, altered."""

from pathlib import Path

import pytest

from daneel.errors import DaneelError, UnknownNameError
from daneel.evaluation import datasets


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder without data."""
    monkeypatch.setenv(datasets.VARIABLE, str(tmp_path))
    return tmp_path


def test_an_unset_variable_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name of the set, where it comes from, the command."""
    monkeypatch.delenv(datasets.VARIABLE, raising=False)
    with pytest.raises(DaneelError, match=r"wikitext2.*pytorch/examples.*export DANEEL_DATA="):
        datasets.locate("text/wikitext2")


def test_a_missing_file_is_named(root: Path) -> None:
    """Not only the folder."""
    (root / "text/wikitext2").mkdir(parents=True)
    (root / "text/wikitext2/valid.txt").write_text("x")
    with pytest.raises(DaneelError, match=r"has no test\.txt in"):
        datasets.locate("text/wikitext2")


def test_an_altered_file_is_found_but_not_verified(root: Path) -> None:
    """`locate` looks at names, `verify` at contents."""
    folder = root / "scaling/alabdulmohsin_nmt"
    folder.mkdir(parents=True)
    (folder / "nmt.csv").write_text("model,is_train\nsix,1\n")
    assert datasets.locate("scaling/alabdulmohsin_nmt") == folder
    rows = datasets.read_csv("scaling/alabdulmohsin_nmt", "nmt.csv")
    assert rows == [{"model": "six", "is_train": "1"}]
    with pytest.raises(DaneelError, match="sha256"):
        datasets.verify("scaling/alabdulmohsin_nmt")


def test_an_unknown_name_lists_the_nearest() -> None:
    """As everywhere."""
    with pytest.raises(UnknownNameError, match="Nearest: text/wikitext2"):
        datasets.locate("text/wikitext")


@pytest.mark.parametrize("name", datasets.DATASETS)
def test_the_data_at_hand_is_the_data_of_the_registry(name: str) -> None:
    """Every file hashes to what the registry says."""
    try:
        datasets.locate(name)
    except DaneelError as absent:
        pytest.skip(str(absent))
    assert datasets.verify(name).is_dir()
