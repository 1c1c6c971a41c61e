"""Settings that every test shares."""

import atexit
import os
import shutil
import tempfile

# Before torch is imported: two test workers on two cores are slower with more threads than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# No test talks to a server.
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"
# Releases are signed with a key that is made for this test run, not with the user's.
os.environ["DANEEL_CONFIG_DIR"] = tempfile.mkdtemp(prefix="daneel-key-")
atexit.register(shutil.rmtree, os.environ["DANEEL_CONFIG_DIR"], ignore_errors=True)
