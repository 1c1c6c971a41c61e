"""Wording: modality.

Denials and duties have one form each. What happens in an order is no duty.
"""

from __future__ import annotations

READ = [
    ("it is impossible for the gate to open", "it is not the case that the gate to open"),
    ("it can not be that ann left", "it is not the case that ann left"),
    ("the claim that ann left is false", "it is not the case that ann left"),
    ("the claim that ann left was confirmed", "ann left"),
    ("the pump was unable to start", "the pump can not start"),
    ("the pump was not able to start", "the pump can not start"),
    ("ann failed to come", "ann did not come"),
    ("ann is required to pay", "ann is obliged to pay"),
    ("ann must pay", "ann is obliged to pay"),
    (
        "the gate and the hatch can not both be open",
        "it is not the case that the gate is open and the hatch is open",
    ),
]
LEFT = [
    "the test must happen before the launch",
    "ann can pay",
    "the pump is able",
]
