"""`daneel list` shows what other verbs take."""

import json

import pytest

from daneel import cli, config
from daneel.cli import list as list_verb


def _listed(capsys: pytest.CaptureFixture[str], *argv: str) -> list[str]:
    assert cli.main(["list", *argv, "--json"]) == 0
    return [item["name"] for item in json.loads(capsys.readouterr().out)["items"]]


def test_without_a_kind_the_kinds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """So that nobody has to guess."""
    assert _listed(capsys) == list(list_verb.KINDS)


@pytest.mark.parametrize("kind", list(list_verb.KINDS))
def test_every_kind_lists_something(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Names without duplicates, with a summary where a registry holds one."""
    assert cli.main(["list", kind, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    names = [item["name"] for item in answer["items"]]
    assert answer["kind"] == kind
    assert len(names) == len(set(names)) > 0
    assert kind == "envs" or all(item["summary"] for item in answer["items"])


def test_names_agree_with_their_source(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is typed twice."""
    assert _listed(capsys, "presets") == config.preset_names()
    assert _listed(capsys, "verbs") == cli.VERBS.names()


def test_text_narrows_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Anywhere in the name and in any case."""
    assert _listed(capsys, "verbs", "PL") == ["play", "plot"]
    assert cli.main(["list", "verbs", "zzz"]) == 0
    assert capsys.readouterr().out == "Nothing matches.\n"


def test_plain_lines_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    """One name a line, no colours, no trailing blanks."""
    assert cli.main(["list", "verbs", "pl"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{entry.name}  {entry.summary}"
        for entry in cli.VERBS.entries()
        if entry.name in ("play", "plot")
    ]


def test_unknown_kind_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2."""
    assert cli.main(["list", "agnets"]) == 2
    assert capsys.readouterr().err.startswith("Unknown kind of name 'agnets'. Nearest: agents")
