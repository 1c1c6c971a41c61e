"""Fine-tuning with few learned numbers: base weights packed in four bits, low-rank updates on top.

    apply_quant_lora(model, rank=8)          # every nn.Linear: NF4 base, frozen; LoRA, learned
    optimiser = torch.optim.AdamW(trainable(model))
    ...                                      # train as ever
    save(model, "adapter.safetensors")       # the learned numbers alone
    merge(model)                             # back to plain nn.Linear layers

`apply_lora` does the same over base weights that stay as they are.
"""

from daneel.backbones.adapters.accounting import TrainingBytes, training_bytes
from daneel.backbones.adapters.apply import apply_lora, apply_quant_lora, merge, trainable
from daneel.backbones.adapters.files import load, save
from daneel.backbones.adapters.lora import LoRALinear
from daneel.backbones.adapters.nf4 import NF4, dequantise, quantise
from daneel.backbones.adapters.quant_linear import QuantLinear, quant_matmul

__all__ = [
    "NF4",
    "LoRALinear",
    "QuantLinear",
    "TrainingBytes",
    "apply_lora",
    "apply_quant_lora",
    "dequantise",
    "load",
    "merge",
    "quant_matmul",
    "quantise",
    "save",
    "trainable",
    "training_bytes",
]
