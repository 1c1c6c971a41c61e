"""What `daneel doctor` says about the operators."""

from daneel.backbones import ops
from daneel.backbones.kernels import kernels


def test_every_operator_has_an_implementation():
    """By the name under which it is exported."""
    found = kernels("cpu")
    named = {name for name in ops.__all__ if f"{name}_naive" in ops.__all__}
    assert named <= set(found)
    assert found["attention"] == "torch SDPA (flash, CPU)"
    assert all(found.values())


def test_without_a_device_it_is_the_best_at_hand():
    """Which exists everywhere."""
    assert set(kernels()) >= set(kernels("cpu")) - {"attention, queries over a cache"}
