"""Looking inside: interventions, what a state remembers, what attention looks at."""

from daneel.alignment.interpretability.attention_trace import AttentionTrace, Trace
from daneel.alignment.interpretability.behaviour import (
    attention_patterns,
    prefix_matching,
    previous_token,
)
from daneel.alignment.interpretability.circuits import (
    Importance,
    Probe,
    TransformerCircuits,
    spearman,
)
from daneel.alignment.interpretability.planted import (
    Planted,
    induction_probe,
    plant_channel,
    planted_induction,
)
from daneel.alignment.interpretability.sites import Site, channels, edited, heads, parts, recorded
from daneel.alignment.interpretability.state_attribution import (
    Attribution,
    gradient_attribution,
    layer_inputs,
    state_attribution,
)
from daneel.alignment.interpretability.visualizer import AttentionVisualizer, Options

__all__ = [
    "AttentionTrace",
    "AttentionVisualizer",
    "Attribution",
    "Importance",
    "Options",
    "Planted",
    "Probe",
    "Site",
    "Trace",
    "TransformerCircuits",
    "attention_patterns",
    "channels",
    "edited",
    "gradient_attribution",
    "heads",
    "induction_probe",
    "layer_inputs",
    "parts",
    "plant_channel",
    "planted_induction",
    "prefix_matching",
    "previous_token",
    "recorded",
    "spearman",
    "state_attribution",
]
