"""Formal verification: bounds of networks, and proofs of properties of them.

`verify` answers holds, violated with a witness, or unknown. `linear_bounds` is what it stands on,
for whoever has a property of their own. `certify` keeps a proof, `recheck` uses it after an update.
Relations compare pairs of inputs. The package `recurrent` is for networks with memory.
"""

from daneel.alignment.verification.attack import Witness
from daneel.alignment.verification.bounds import LinearBounds, linear_bounds, output_bounds
from daneel.alignment.verification.certificate import (
    Certificate,
    Recheck,
    certify,
    load_certificate,
    recheck,
)
from daneel.alignment.verification.formal_verifier import FormalVerifier
from daneel.alignment.verification.graph import Builder, Graph
from daneel.alignment.verification.onnx_graph import onnx_replay, read_onnx
from daneel.alignment.verification.property import Case, Polyhedron, Property, stay_within
from daneel.alignment.verification.property_file import load_property
from daneel.alignment.verification.relation import Relation, monotonic, rate, symmetry
from daneel.alignment.verification.torch_modules import from_torch
from daneel.alignment.verification.verify import Budget, VerificationResult, verify
from daneel.alignment.verification.vnnlib import read_vnnlib

__all__ = [
    "Budget",
    "Builder",
    "Case",
    "Certificate",
    "FormalVerifier",
    "Graph",
    "LinearBounds",
    "Polyhedron",
    "Property",
    "Recheck",
    "Relation",
    "VerificationResult",
    "Witness",
    "certify",
    "from_torch",
    "linear_bounds",
    "load_certificate",
    "load_property",
    "monotonic",
    "onnx_replay",
    "output_bounds",
    "rate",
    "read_onnx",
    "read_vnnlib",
    "recheck",
    "stay_within",
    "symmetry",
    "verify",
]
