"""What a training says while it runs: one live line on a terminal, plain lines in a pipe."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from daneel.training.sizes import Sizes, size_table

PLAIN_SECONDS = 10.0
"""Seconds between plain lines."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands."""

    step: int
    """Environment steps done."""
    steps: int
    """Environment steps to do."""
    steps_per_second: float
    """Environment steps a second since this process began, evaluations included."""
    episode_return: float | None
    """Mean return of the last episodes, None before the first has ended."""
    eval_return: float | None
    """Mean return of the last evaluation, None before the first."""
    activity: str
    """"starting", "training", "evaluating", "saving", or how far it is with the logs."""
    sizes: Sizes | None = None
    """What the run will take; told once, when it starts."""

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the end at this pace; None before there is one."""
        if self.steps_per_second <= 0:
            return None
        return max(self.steps - self.step, 0) / self.steps_per_second

    def line(self) -> str:
        """The line a user reads."""
        parts = [f"{self.step:,}/{self.steps:,} steps"]
        if self.episode_return is not None:
            parts.append(f"return {self.episode_return:,.1f}")
        if self.eval_return is not None:
            parts.append(f"eval {self.eval_return:,.1f}")
        parts.append(f"{self.steps_per_second:,.0f} steps/s")
        if self.seconds_left is not None:
            parts.append(f"{_clock(self.seconds_left)} left")
        if self.activity != "training":
            parts.append(self.activity)
        return " · ".join(parts)


class ProgressLine:
    """Shows `Progress`; call it as `on_progress`. A context manager, so the line is left tidy."""

    def __init__(self, title: str, console: Console | None = None) -> None:
        """Write to `console`; by default to stderr, so that stdout stays for results."""
        self._title = title
        self._console = console or Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._next_plain = 0.0
        self._ended = False

    def __enter__(self) -> Self:
        """Begin: say what is trained."""
        self._console.print(f"Training {self._title}", style="bold", soft_wrap=True)
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the last line standing."""
        if self._live is not None:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Show where the training stands."""
        if progress.sizes is not None:
            self._console.print(size_table(progress.sizes))
        elif self._live is not None:
            share = min(progress.step / max(progress.steps, 1), 1.0)
            bar = "━" * round(20 * share)
            text = Text.assemble(
                (bar, "cyan"), ("─" * (20 - len(bar)), "dim"), " ", progress.line()
            )
            text.truncate(self._console.width, overflow="ellipsis")
            self._live.update(text, refresh=True)
        elif self._is_due(progress):
            self._next_plain = time.monotonic() + PLAIN_SECONDS
            self._console.print(progress.line(), soft_wrap=True)

    def _is_due(self, progress: Progress) -> bool:
        """Whether to print a plain line: now and then, and once at the end."""
        ends = progress.step >= progress.steps and progress.activity == "training"
        if self._ended or (not ends and time.monotonic() < self._next_plain):
            return False
        self._ended = ends
        return True


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
