"""Programs that measure: `daneel bench NAME`. Each appends evidence to `benchmarks/results/`."""

from daneel.registry import Entry, Registry

BENCHES = Registry(
    "bench",
    Entry(
        "control",
        "daneel.evaluation.bench.control",
        "eight control tasks, our agent against SAC: score, steps, seconds, latency",
    ),
    Entry(
        "ablation",
        "daneel.evaluation.bench.ablation",
        "the planner with one part of it taken away at a time",
    ),
    Entry(
        "suites",
        "daneel.evaluation.bench.suites",
        "skill suites: experts, chance, baselines, speed of the runner, demonstrations",
    ),
    Entry(
        "backbones",
        "daneel.evaluation.bench.backbones",
        "a layer of every backbone beside torch SDPA and nn.GRU: speed, steps, memory",
    ),
    Entry(
        "attention",
        "daneel.evaluation.bench.attention",
        "exactness, memory, decoding by an index, GPU kernels",
    ),
    Entry(
        "lm",
        "daneel.evaluation.bench.lm",
        "byte models of equal size on real text: bits per byte, MegaByte against a flat one",
    ),
    Entry(
        "moe",
        "daneel.evaluation.bench.moe",
        "mixtures of experts against a dense layer: parameters, FLOPs, time, load, bits per byte",
    ),
    Entry(
        "adapters",
        "daneel.evaluation.bench.adapters",
        "four-bit LoRA against full fine-tuning: accuracy, memory, error of NF4",
    ),
    Entry(
        "scaling",
        "daneel.evaluation.bench.scaling",
        "scaling laws foresee published runs that were held back",
    ),
    Entry(
        "judging-plan",
        "daneel.evaluation.bench.judging_plan",
        "layers that judge plans by their effects: hazards, attacks, critic, oversight",
    ),
    Entry(
        "memory",
        "daneel.evaluation.bench.memory",
        "the retrieval memory: speed, recall, kills, needles, compression, service, attention",
    ),
    Entry(
        "safety",
        "daneel.evaluation.bench.safety",
        "the shield, certified controllers, rules over plans, the gate against tampering",
    ),
    Entry(
        "verification",
        "daneel.evaluation.bench.verification",
        "the verifier: soundness, share decided, ACAS Xu, re-proof after updates",
    ),
    Entry(
        "twins",
        "daneel.evaluation.bench.twins",
        "policies of one engine in another with hidden parameters: what calibration keeps (M-3)",
    ),
    Entry(
        "judging-text",
        "daneel.evaluation.bench.judging_text",
        "harm in words: a crowd's constitution, unseen requests, disguises, red-team rules",
    ),
    Entry(
        "calibration-methods",
        "daneel.evaluation.bench.calibration_methods",
        "intervals, identifiability, posteriors, designed excitation, residual actuators",
    ),
    Entry(
        "calibration",
        "daneel.evaluation.bench.calibration",
        "robots identified from real logs, beside their authors' parameter files",
    ),
    Entry(
        "offline",
        "daneel.evaluation.bench.offline",
        "logs first, then few steps in a twin: steps to 90 % of the offline reward (M-2, T-51)",
    ),
    Entry(
        "inside",
        "daneel.evaluation.bench.inside",
        "circuits, attention over 1M tokens, attacks, contradictions in traces",
    ),
)
"""Each entry is a module with `Options`, `run(options) -> int` and `table(folder) -> str`."""

__all__ = ["BENCHES"]
