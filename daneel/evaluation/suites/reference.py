"""What experts reach and what chance reaches, from recorded runs that ship with Daneel.

`daneel bench suites` makes the file: the success rates of `expert` and `random` on every skill,
with the commit that measured them.
"""

from __future__ import annotations

import json
from importlib import resources

from daneel.envs.suites import Suite

FILE = "reference.json"


def rates(suite: Suite) -> dict[str, dict[str, float]]:
    """Success rates of "expert" and "random" by skill, of the skills of `suite` that have one."""
    item = resources.files("daneel.evaluation.suites") / FILE
    if not item.is_file():
        return {}
    known = json.loads(item.read_text(encoding="utf-8"))["rates"]
    names = [skill.name for skill in suite.skills]
    return {
        who: {name: found[name] for name in names if name in found} for who, found in known.items()
    }
