"""What experts reach and what chance reaches, from recorded runs that ship with Daneel.

`daneel bench suites` makes the file: the success rates of `expert` and `random` on every skill,
with the commit that measured them.
"""

from __future__ import annotations

from pathlib import Path

from daneel import config
from daneel.envs.suites import Suite
from daneel.evaluation import files
from daneel.evaluation.suites.record import SuiteRecord
from daneel.evaluation.suites.record import rates as rates_of

FILE = Path(__file__).with_name("reference.json")


def rates(suite: Suite) -> dict[str, dict[str, float]]:
    """Success rates of "expert" and "random" by skill, of the skills of `suite` that have one."""
    if not FILE.is_file():
        return {}
    known = files.read_json(FILE)["rates"]
    names = [skill.name for skill in suite.skills]
    return {
        who: {name: found[name] for name in names if name in found} for who, found in known.items()
    }


def keep(who: str, record: SuiteRecord) -> None:
    """Puts the success rates of `who` into the file, with their origin."""
    known = files.read_json(FILE) if FILE.is_file() else {"rates": {}, "origin": {}}
    known["rates"][who] = rates_of(record)
    known["origin"][who] = config.to_dict(record.origin)
    files.write_json(FILE, known)
