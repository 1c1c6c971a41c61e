"""The bench of the twins."""

import pytest

from daneel.errors import ConfigError, UnknownNameError
from daneel.evaluation import evidence
from daneel.evaluation.bench import twins


def scores(source, **rates):
    """Ten episodes in each of two twins."""
    made = twins.Scores()
    for who, rate in {twins.SOURCE: source, **rates}.items():
        for _ in range(2):
            made.add(who.replace("_", "-"), [at < 10 * rate for at in range(10)])
    return made


def test_what_is_kept_is_a_share_of_the_source(tmp_path):
    """Success kept is success over the source's, and tasks are counted that keep enough."""
    options = twins.Options(tasks=("Reach",), hidden=(1, 2), budgets=(30,), results=tmp_path)
    ours = twins.subject(30)
    for name, rate in (("Reach", 0.8), ("Push", 0.7)):
        found = scores(0.9, zero_shot=0.2, **{ours: rate})
        for item in twins.outcomes(name, found, options):
            evidence.append(item, tmp_path)
    records = evidence.load(twins.BENCH, tmp_path)
    kept = {(r.row, r.subject): r for r in records if r.measure == "success kept"}
    assert kept["M-3 Reach", ours].figure == pytest.approx(0.8 / 0.9)
    assert kept["M-3 Reach", ours].met is True and kept["M-3 Push", ours].met is False
    assert kept["M-3 Reach", "zero-shot"].threshold is None
    counts = {item.subject: item for item in twins.summary(records, options)}
    assert (counts[ours].figure, counts[ours].unit, counts[ours].met) == (1.0, "of 2", False)
    assert counts["zero-shot"].figure == 0.0
    for item in counts.values():
        evidence.append(item, tmp_path)
    lines = twins.table(tmp_path).splitlines()
    assert lines[0].startswith(f"| task | {twins.SOURCE} | zero-shot | {ours} | kept")
    assert lines[2].startswith("| Reach | 0.9 | 0.2 | 0.8 | 0.889 (") and lines[2].endswith("yes |")
    assert lines[3].startswith("| Push | 0.9 | 0.2 | 0.7 |") and lines[3].endswith("**no** |")
    assert lines[4].endswith("|  | 0 of 2 | 1 of 2 | 1 | >= 6 | **no** |")
    assert len({line.count("|") for line in lines[:5]}) == 1


def test_options_are_checked():
    """Nothing to measure and unknown tasks are refused."""
    with pytest.raises(ConfigError, match="budgets is empty"):
        twins.Options(budgets=())
    with pytest.raises(UnknownNameError, match="Reach"):
        twins.Options(tasks=("Rech",))


@pytest.mark.slow
def test_a_small_go_leaves_records(tmp_path):
    """One task, one twin, two episodes: every policy is recorded."""
    options = twins.Options(("Slide",), (900,), (120,), 2, results=tmp_path)
    assert twins.run(options) == 0
    found = {item.subject for item in evidence.load(twins.BENCH, tmp_path)}
    names = {twins.SOURCE, twins.ZERO, twins.RANDOMISED, twins.RAPID}
    assert found == names | {twins.subject(120), twins.rapidly(120)}
