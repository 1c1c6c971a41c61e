"""ACAS Xu: 45 networks of 6 x 50 ReLUs, ten properties, 186 instances (Katz et al. 2017).

The verdicts that all tools of the 2021 and 2022 competitions agreed on are the truth. Instances run
with a small limit first and a larger one after, so that a stopped bench knows most of them; an
instance's time is that of its last run. What is done is kept in the work folder, by commit.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any

from daneel.alignment.verification import Budget, onnx_replay, read_onnx, read_vnnlib, verify
from daneel.evaluation import files
from daneel.evaluation.bench.verification import Options, figure
from daneel.evaluation.evidence import Evidence

STAGES = (0.05, 0.25, 1.0)
"""Shares of the limit."""
DECIDED, BEYOND, MEDIAN = 86.0, 97.0, 1.0
"""Percent of the instances, and seconds."""


def measure(options: Options) -> list[Evidence]:
    """Share decided, wrong verdicts, median time."""
    assert options.nets is not None
    found = _all(options, options.nets)
    decided = [item for item in found if item["verdict"] != "unknown"]
    wrong = [item for item in decided if item["verdict"] != truth(item["net"], item["property"])]
    share = 100 * len(decided) / len(found)
    median = statistics.median(item["seconds"] for item in found)
    times = sorted(item["seconds"] for item in decided)
    details = {
        "decided": len(decided),
        "instances": len(found),
        "holds": sum(item["verdict"] == "holds" for item in found),
        "violated": sum(item["verdict"] == "violated" for item in found),
        "unknown": [f"{i['net']} {i['property']}" for i in found if i["verdict"] == "unknown"],
        "p90 of the decided, s": times[int(0.9 * (len(times) - 1))],
        "limit, s": options.seconds,
    }
    subject = "ACAS Xu"
    return [
        figure("decided", subject, share, "% of instances", DECIDED, details=details),
        figure("decided, beyond", subject, share, "% of instances", BEYOND),
        figure("wrong verdicts", subject, len(wrong), "instances", 0, "lower"),
        figure("median time", subject, median, "s of one core", MEDIAN, "lower"),
    ]


def truth(net: str, name: str) -> str:
    """What every tool of the competitions that decided the instance said."""
    holding = {"1_1", "1_7", "1_8", "1_9", "3_3", "4_2"}
    violated = {
        "prop_2": net not in holding,
        "prop_3": net in {"1_7", "1_8", "1_9"},
        "prop_4": net in {"1_7", "1_8", "1_9"},
        "prop_7": True,
        "prop_8": True,
    }
    return "violated" if violated.get(name, False) else "holds"


def _all(options: Options, nets: Path) -> list[dict[str, Any]]:
    lines = (nets / "acasxu_instances.csv").read_text().split()
    instances = [tuple(line.split(",")[:2]) for line in lines]
    done_file = options.work / "acasxu.jsonl"
    done: dict[tuple[str, ...], dict[str, Any]] = {}
    if done_file.is_file():
        for item in files.read_jsonl(done_file):
            done[(item["onnx"], item["vnnlib"])] = item
    options.work.mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        limit = stage * options.seconds
        for instance in instances:
            known = done.get(instance)
            if known and (known["verdict"] != "unknown" or known["limit"] >= limit):
                continue
            done[instance] = one(nets, *instance, limit)
            files.append_json(done_file, done[instance])
            print(done[instance], file=sys.stderr, flush=True)
    return [done[instance] for instance in instances]


def one(nets: Path, onnx: str, vnnlib: str, limit: float) -> dict[str, Any]:
    """One instance, loading included in its time."""
    began = time.process_time()
    graph, wanted = read_onnx(nets / onnx), read_vnnlib(nets / vnnlib)
    replay = onnx_replay(nets / onnx)
    left = max(limit - (time.process_time() - began), 0.01)
    budget = Budget(seconds=left, clock=time.process_time)
    result = verify(graph, wanted, budget, [replay])
    return {
        "onnx": onnx,
        "vnnlib": vnnlib,
        "net": "_".join(Path(onnx).name.split("_")[2:4]),
        "property": Path(vnnlib).name.split(".")[0],
        "verdict": result.verdict,
        "boxes": result.boxes,
        "seconds": round(time.process_time() - began, 4),
        "limit": limit,
    }
