"""The record as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from daneel.evaluation.evidence import number
from daneel.evaluation.statistics import Interval
from daneel.evaluation.suites import alignment
from daneel.evaluation.suites.record import SkillScore, SuiteRecord, reference_mean

HEADS = ("skill", "success", "95 % interval", "return", "expert", "random", "")
Row = tuple[str, ...]


def describe(record: SuiteRecord) -> str:
    """Every skill with its interval, by block, then the means; wide as it needs to be.

    Expert and random are success rates of recorded runs, empty where there is none.
    """
    rows: list[Row] = [HEADS]
    for block, found in record.blocks.items():
        rows.append((block,))
        rows += [_skill(record, score) for score in record.skills if score.block == block]
        rows.append(_aggregate("  mean", found.mean, found.interval))
    rows += [(), *_means(record)]
    return "\n".join([*_aligned(rows), *_notes(record)])


def _skill(record: SuiteRecord, score: SkillScore) -> Row:
    ceiling, floor = (
        percent(record.reference.get(name, {}).get(score.skill)) for name in ("expert", "random")
    )
    if score.status == "not run":
        return (f"  {score.skill}", "not run", "", "", ceiling, floor, score.reason or "")
    returned = "" if score.mean_return is None else number(score.mean_return)
    rate, ends = percent(score.success_rate), interval(score.interval)
    return (f"  {score.skill}", rate, ends, returned, ceiling, floor, _remark(score))


def _remark(score: SkillScore) -> str:
    held = "held out" if score.held_out else ""
    seen = "trained on: not held out" if score.contaminated else ""
    failed = f"{score.failures} of {len(score.episodes)} episodes failed to run"
    return ", ".join(filter(None, (held, seen, failed if score.failures else "")))


def _aggregate(name: str, mean: float | None, ends: Interval | None) -> Row:
    """A row over several skills; a tenth of a per cent is worth showing there."""
    return (name, percent(mean, 1) or "not run", interval(ends, 1))


def _means(record: SuiteRecord) -> Iterator[Row]:
    overall = record.overall
    found = {name: reference_mean(record, name) for name in ("expert", "random")}
    figures = [percent(mean[0], 1) if mean else "" for mean in found.values()]
    over = [f"{name} over {skills(mean[1])}" for name, mean in found.items() if mean]
    yield (
        *_aggregate("mean of all", overall.mean, overall.interval), "", *figures, ", ".join(over)
    )  # fmt: skip
    yield _aggregate("IQM of all", overall.iqm, overall.iqm_interval)
    for name, split in (("training skills", record.train), ("held-out skills", record.held_out)):
        if split is not None and record.held_out is not None:
            yield _aggregate(name, split.mean, split.interval)


def _notes(record: SuiteRecord) -> Iterator[str]:
    overall = record.overall
    yield ""
    missing = f", {overall.not_run} not run and in no mean" if overall.not_run else ""
    yield (
        f"{record.policy} on {record.suite}: {overall.scored} of {len(record.skills)} skills "
        f"scored{missing}; {record.episodes} episodes each, seed {record.seed}"
    )
    yield from alignment.describe(record.alignment)
    if seen := [score.skill for score in record.skills if score.contaminated]:
        yield f"not held out, because the policy trained on them: {', '.join(seen)}"
    if record.trained_on is None and record.held_out is not None:
        yield "what the policy trained on is not recorded: nothing shows that skills were held out"


def skills(count: int) -> str:
    """`1 skill`, `12 skills`."""
    return f"{count} skill{'s' * (count != 1)}"


def percent(share: float | None, digits: int = 0) -> str:
    """A share as per cent, an empty text for None."""
    return "" if share is None else f"{100 * share:.{digits}f} %"


def interval(found: Interval | None, digits: int = 0) -> str:
    """`62 to 81 %`, an empty text for None."""
    if found is None:
        return ""
    return f"{100 * found.low:.{digits}f} to {100 * found.high:.{digits}f} %"


def _aligned(rows: Sequence[Row]) -> Iterator[str]:
    """The first column and the last to the left, figures to the right."""
    widths = [max(len(row[at]) for row in rows if at < len(row)) for at in range(len(HEADS) - 1)]
    for row in rows:
        first, *rest = row or ("",)
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=False)]
        yield "  ".join([*cells, *rest[len(widths) - 1 :]]).rstrip()
