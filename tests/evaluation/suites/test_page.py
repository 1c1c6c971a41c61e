"""The page: one file, nothing fetched, nothing made up, everything escaped, sortable."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from daneel.evaluation.suites import SuiteRecord, page
from daneel.evaluation.suites.clips import Clip
from daneel.evaluation.suites.page_script import SCRIPT
from tests.evaluation.suites import made

VOID = {"meta", "br", "img", "input"}
PNG = b"\x89PNG poster"
Attributes = dict[str, str | None]


class Outline(HTMLParser):
    """Checks that tags are balanced; collects text, and the attributes of every tag."""

    def __init__(self, html: str) -> None:
        """Reads a page."""
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.tags: list[tuple[str, Attributes]] = []
        self.feed(html.removeprefix("<!doctype html>"))
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remembers what has to be closed."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Closes the last that was opened."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collects what people read."""
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)

    def words(self) -> str:
        """All text, single spaces."""
        return " ".join(" ".join(self.text).split())

    def all(self, tag: str) -> list[Attributes]:
        """Attributes of every such tag."""
        return [found for name, found in self.tags if name == tag]


def media() -> dict[str, dict[str, Clip]]:
    """Films of two skills."""
    return {
        # Workers film in any order.
        "push": {"worst": Clip(0, b"second film", b""), "best": Clip(3, b"first film", PNG)},
        "reach": {"best": Clip(0, b"third film", b"")},
    }


def rows(found: SuiteRecord) -> dict[str, dict[str, Any]]:
    """What the script knows of each row."""
    outline = Outline(page.page(found))
    return {str(data["data-name"]): data for data in outline.all("tbody") if "data-name" in data}


def test_everything_that_was_measured_is_there() -> None:
    """Means with intervals, blocks, skills, failures, origin."""
    text = Outline(page.page(made.example(), media())).words()
    for part in (
        "runs/a suite made · 4 episodes a skill · seed 0 · 2026-11-22",
        "Mean success 50.0 %",
        "Skills scored 3 of 4 1 not run, in no mean",
        "Expert ceiling 95.0 % over 2 of these skills",
        "Random floor 10.0 % over 1 of these skills",
        "reach arm held out 1 failed to run 50 % 15 to 85 %",
        "failed 1x the worker died",
        "signal true in the last step (made 1.0 info['is_success'])",
        "best · episode 3, success, return 3",
        "daneel eval runs/a --suite made --out a.json",
        "trained on Made/push-v3, Made/grasp-v3",
        "all workers together 2 min 30 s in environments, 30.0 s in the policy",
        made.ORIGIN.source.commit[:12],
    ):
        assert part in text


def test_not_run_is_no_figure() -> None:
    """A reason instead, in the row; and a block without scores has no bar."""
    html = page.page(made.example())
    text = Outline(html).words()
    assert "turn hand not run HandReach-v3 is not installed. Type pip install" in text
    assert rows(made.example())["turn"]["data-success"] == ""
    bars = [found for found in Outline(html).all("div") if found.get("class") == "meter"]
    # Four means (all, arm, hand, training), one held-out, and three skills that were scored.
    assert len(bars) == 8
    nothing = page.page(made.record(made.suite("push"), {}))
    assert "0 %" not in Outline(nothing).words() and "No skill was scored" in nothing


def test_contamination_is_said() -> None:
    """By name, above the table, and where nobody knows."""
    text = Outline(page.page(made.example())).words()
    assert "Not held out: the policy trained on grasp" in text
    assert rows(made.example())["grasp"]["data-split"] == "trained on"
    of = made.suite("push", held_out=["push"])
    silent = made.record(of, {"push": "s"}, trained_on=None)
    assert "What this policy trained on is not recorded" in page.page(silent)
    assert "not recorded" not in page.page(made.record(of, {"push": "s"}))


def test_sort_keys() -> None:
    """Numbers without units, empty where there is no figure; heads name the same keys."""
    found = rows(made.example())
    keys = ("order", "success", "return", "expert", "random")
    values = {name: [data[f"data-{key}"] for key in keys] for name, data in found.items()}
    assert values == {
        "push": ["0", "1", "1.5", "1", "0.1"],
        "reach": ["1", "0.5", "1.33333", "", ""],
        "grasp": ["2", "0", "1.5", "0.9", ""],
        "turn": ["3", "", "", "", "0"],
    }
    heads = [data.get("data-key") for data in Outline(page.page(made.example())).all("th")]
    assert list(filter(None, heads)) == ["name", "success", "return", "expert", "random"]
    options = [data["value"] for data in Outline(page.page(made.example())).all("option")]
    assert {"order up", "success down", "success up", "name up", "random down"} <= set(options)


def test_filters_find_words() -> None:
    """Names, instructions, environments, splits and what went wrong, in lower case."""
    found = rows(made.example())
    assert "do the reach" in found["reach"]["data-text"]
    assert "made/reach-v3" in found["reach"]["data-text"]
    assert "failed" in found["reach"]["data-text"] and "failed" not in found["push"]["data-text"]
    assert "not run" in found["turn"]["data-text"]
    html = page.page(made.example())
    for choice in ('value="hand"', 'value="held out"', 'value="train"', 'value="trained on"'):
        assert choice in html


def test_columns_without_data_are_left_out() -> None:
    """No reference, no picture: no empty column."""
    bare = Outline(page.page(made.record(made.suite("push"), {"push": "sf"})))
    assert [d["data-key"] for d in bare.all("th") if "data-key" in d] == [
        "name", "success", "return",
    ]  # fmt: skip
    assert not bare.all("img") and not bare.all("video")
    assert "Random floor" not in bare.words()


def test_films_are_in_the_file() -> None:
    """As data, not loaded before they are asked for; one picture a skill in the table."""
    outline = Outline(page.page(made.example(), media()))
    encoded = base64.b64encode(b"first film").decode()
    videos = outline.all("video")
    assert len(videos) == 3 and videos[0]["src"] == f"data:video/mp4;base64,{encoded}"
    assert all(video["preload"] == "none" and "controls" in video for video in videos)
    assert "poster" in videos[0] and "poster" not in videos[2]
    assert [image["src"] for image in outline.all("img")] == [
        "data:image/png;base64," + base64.b64encode(PNG).decode()
    ]


@pytest.mark.parametrize(
    ("data", "kind"), [(b"\x89PNG.", "png"), (b"\xff\xd8\xff", "jpeg"), (b"RIFF", "webp")]
)
def test_pictures_say_what_they_are(data: bytes, kind: str) -> None:
    """By their first bytes."""
    film = {"push": {"best": Clip(0, b"film", data)}}
    assert f"data:image/{kind};base64," in page.page(made.example(), film)


def test_nothing_is_fetched() -> None:
    """No address, and a policy that allows this one script and no other."""
    html = page.page(made.example(), media())
    for _, attributes in Outline(html).tags:
        for name in ("src", "href", "poster", "action", "srcset"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert "http" not in html.replace("http-equiv", "") and "url(" not in html
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert "default-src 'none'" in html and f"script-src 'sha256-{digest}'" in html
    assert html.count("<script>") == 1 and f"<script>{SCRIPT}</script>" in html
    assert not re.search(r"\son\w+=", html)


def test_names_are_escaped() -> None:
    """Whatever skills, policies, reasons and failures are called."""
    evil = '"><script>alert(1)</script><img src=x>'
    of = made.suite(f"hand/{evil.replace('/', '-')}", "push", held_out=["push"])
    name = of.skills[0].name
    found = made.record(
        of,
        {name: "s!f"},
        policy=evil,
        not_run={"push": evil},
        trained_on=(evil, "Made/push-v3"),
        reference={"expert": {name: 0.5}},
    )
    html = page.page(found, {name: {evil: Clip(0, b"film", PNG)}})
    outline = Outline(html)
    assert html.count("<script") == 1 and len(outline.all("img")) == 1
    assert evil in outline.words() and rows(found)[name]["data-success"] == "0.333333"


def test_without_the_script_everything_can_be_read() -> None:
    """Rows are open, and controls that would do nothing are hidden."""
    outline = Outline(page.page(made.example(), media()))
    assert all("hidden" not in row for row in outline.all("tr"))
    assert ["hidden" in form for form in outline.all("form")] == [True]
    # A display of its own would show what is hidden.
    assert ".filters[hidden] { display: none; }" in page.page(made.example())
    assert not outline.all("button")


def test_small_suites(tmp_path: Path) -> None:
    """No skill; one skill; one skill with one episode; none scored."""
    empty = made.record(made.suite(), {})
    assert "The suite has no skills" in page.page(empty)
    for outcomes in ({}, {"push": "s"}, {"push": "f"}, {"push": "!"}, {"push": "sf"}):
        found = made.record(made.suite("push"), outcomes)
        assert Outline(page.page(found)).all("tbody")
    path = page.save(empty, tmp_path / "folder" / "a.html")
    assert path.read_text() == page.page(empty)
