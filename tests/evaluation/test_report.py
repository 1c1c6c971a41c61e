"""The report: one file, nothing fetched, nothing made up, everything escaped."""

import re
from html.parser import HTMLParser
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pytest

from daneel.errors import CheckpointError, RunFolderError
from daneel.evaluation import files, report
from tests.evaluation import runs

VOID = {"meta", "br"}


class Outline(HTMLParser):
    """Checks that tags are balanced and collects text."""

    def __init__(self) -> None:
        """Nothing read yet."""
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remembers what has to be closed."""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Closes the last that was opened."""
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Nothing to close."""

    def handle_data(self, data: str) -> None:
        """Collects."""
        self.text.append(data)


def words(html: str) -> str:
    """The text of a page that is well-formed."""
    outline = Outline()
    outline.feed(html.removeprefix("<!doctype html>"))
    assert outline.open == []
    return " ".join(" ".join(outline.text).split())


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with everything but a video."""
    return runs.judged(runs.hand_made(tmp_path / "runs" / "walker-0"))


def test_everything_that_was_measured_is_there(run: Path) -> None:
    """Scores with intervals, gate with witness, phases, command."""
    html = report.write(run, command="daneel train walker --seed 0").read_text()
    text = words(html)
    for part in ("dm_control/walker-walk-v0", "Mean return 150", "Success rate 75 %", "refused"):
        assert part in text
    assert "1 of 3 checks hold" in text and "action: - 1.5" in text
    assert "update 25.0 s 80.0%" in text and "daneel train walker --seed 0" in text
    assert f"daneel train {run}/config.yaml" in text


def test_nothing_is_made_up(tmp_path: Path) -> None:
    """A bare run says what is missing and what to type."""
    run = runs.hand_made(tmp_path / "bare")
    text = words(report.write(run).read_text())
    for verb in ("play", "eval", "gate"):
        assert f"daneel {verb} {run}" in text
    assert text.count("Not measured") == 3 and "Success rate" not in text


def test_success_while_learning_is_shown_where_there_is_a_signal(tmp_path: Path) -> None:
    """In per cent, from the evaluations; elsewhere there is no empty chart."""
    run = runs.hand_made(tmp_path / "run")
    assert "Success rate of the evaluations" not in report.write(run).read_text()
    files.append_json(run / "metrics.jsonl", {"step": 500, "eval/success": 0.7})
    assert "70 % after 500 steps" in words(report.write(run).read_text())


def test_a_run_without_records_still_has_a_report(tmp_path: Path) -> None:
    """Stopped before the first episode ended."""
    run = runs.hand_made(tmp_path / "empty")
    (run / "metrics.jsonl").write_text("")
    text = words(report.write(run).read_text())
    assert "no episode has ended yet" in text and "no phase times" in text


def test_nothing_is_fetched(run: Path) -> None:
    """No address, no script, and a policy that forbids both."""
    html = report.write(run).read_text()
    assert not re.search(r"(src|href)\s*=\s*[\"']?(?!data:)", html)
    assert "http" not in html.replace("http-equiv", "")
    assert "<script" not in html and "default-src 'none'" in html


def test_names_are_escaped(tmp_path: Path) -> None:
    """Whatever an environment is called."""
    run = runs.judged(runs.hand_made(tmp_path / "x", env='<img src="x">'))
    html = report.write(run).read_text()
    assert "<img" not in html and "<b>." not in html
    assert '<img src="x">' in words(html)


def test_seeds_give_an_interval(tmp_path: Path) -> None:
    """Three runs are enough for a band, two are not and it is said."""
    paths = [runs.hand_made(tmp_path / f"s{n}", seed=n, level=50.0 * n) for n in range(3)]
    html = report.write(paths[0], paths).read_text()
    assert "95 % interval over 3 seeds" in html and 'class="band"' in html
    html = report.write(paths[0], paths[1:2]).read_text()
    assert "2 seeds: too few" in html and 'class="band"' not in html


def test_the_video_is_inside(run: Path) -> None:
    """As data, so that the page can be sent to somebody."""
    (run / "videos").mkdir()
    frames = [np.full((32, 32, 3), 10 * n, np.uint8) for n in range(5)]
    imageio.mimwrite(run / "videos" / "play.mp4", frames, fps=10)  # pyright: ignore
    assert "data:video/mp4;base64,AAAA" in report.write(run).read_text()


def test_an_edited_gate_report_is_not_shown(run: Path) -> None:
    """It is refused, as everywhere."""
    path = run / "gate.json"
    path.write_text(path.read_text().replace("violated", "holds"))
    with pytest.raises(CheckpointError, match="not what the gate wrote"):
        report.write(run)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    """With what to type."""
    with pytest.raises(RunFolderError, match="Type `ls runs`"):
        report.write(tmp_path)
