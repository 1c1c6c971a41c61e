"""Settings that every test shares."""

import os

# Before torch is imported: two test workers on two cores are slower with more threads than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# No test talks to a server.
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"
