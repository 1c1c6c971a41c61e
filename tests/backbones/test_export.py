"""One step in onnxruntime beside one step in torch."""

import numpy as np
import pytest
import torch

from daneel.backbones.export import NEXT, export_step
from daneel.backbones.hyena import HyenaBackbone
from tests.backbones.hand_made import DIM, NAMES, inputs, small

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

STEPS = 1000


@pytest.mark.parametrize("name", NAMES)
def test_a_thousand_steps_agree(name, tmp_path):
    """Outputs of a stream differ by rounding, also for a batch that the graph has not seen."""
    core, path = small(name, torch.float32), tmp_path / "step.onnx"
    names = export_step(core, path, window=STEPS if name == "hyena" else None)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    assert [entry.name for entry in session.get_inputs()] == ["x", *names]
    assert [entry.name for entry in session.get_outputs()] == ["y", *(NEXT + n for n in names)]
    steps = STEPS if name != "attention" else STEPS // 5
    x = inputs(3, steps, torch.float32)
    own = core.initial_state(3)
    start = core.windowed(STEPS).initial_state(3) if isinstance(core, HyenaBackbone) else own
    state = {key: value.numpy() for key, value in start.items()}
    for t in range(steps):
        with torch.no_grad():
            expected, own = core(x[:, t : t + 1], own)
        y, *after = session.run(None, {"x": x[:, t : t + 1].numpy(), **state})
        state = dict(zip(names, after, strict=True))
        assert np.abs(y - expected.numpy()).max() <= 1e-5


def test_hyena_needs_a_window_and_the_others_none(tmp_path):
    """A graph has the same tensors at every step, and hyena's own state does not."""
    path = tmp_path / "step.onnx"
    with pytest.raises(ValueError, match="from step to step"):
        export_step(small("hyena", torch.float32), path)
    with pytest.raises(ValueError, match="length is 0"):
        export_step(small("hyena", torch.float32), path, window=0)
    with pytest.raises(ValueError, match="window is 5 for GRU"):
        export_step(small("gru", torch.float32), path, window=5)


def test_other_precisions_are_refused(tmp_path):
    """Graphs are float32."""
    with pytest.raises(ValueError, match=r"torch\.float64.*Expected torch\.float32"):
        export_step(small("gru"), tmp_path / "step.onnx")


def test_a_batch_below_one_is_refused(tmp_path):
    """None leaves it free."""
    with pytest.raises(ValueError, match="batch is 0"):
        export_step(small("gru", torch.float32), tmp_path / "step.onnx", 0)


def test_a_batch_can_be_fixed(tmp_path):
    """A fixed batch stands in the graph."""
    export_step(small("gru", torch.float32), tmp_path / "step.onnx", 4)
    session = onnxruntime.InferenceSession(tmp_path / "step.onnx")
    assert session.get_inputs()[0].shape == [4, 1, DIM]
