"""`FormalVerifier`: the verifier with a budget and a folder of certificates."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from daneel.alignment.verification.bounds import as_graph
from daneel.alignment.verification.certificate import Recheck, certify, load_certificate, recheck
from daneel.alignment.verification.graph import Graph
from daneel.alignment.verification.property import Property
from daneel.alignment.verification.relation import Relation
from daneel.alignment.verification.verify import Budget, VerificationResult, verify
from daneel.errors import CheckpointError


@dataclass(frozen=True)
class FormalVerifier:
    """Proves properties of networks, over updates of their weights too."""

    budget: Budget = field(default_factory=Budget)
    """For each property."""
    certificates: Path | None = None
    """Folder in which proofs are kept; None keeps none."""

    def verify(
        self, network: nn.Module | Graph, property: Property | Relation
    ) -> VerificationResult:
        """The verdict; with a folder, from the certificate that is there, as far as it goes."""
        if self.certificates is None:
            return verify(network, property, self.budget)
        return self.update(network, property).result

    def update(self, network: nn.Module | Graph, property: Property | Relation) -> Recheck:
        """The verdict and what the certificate spared; a proof from scratch leaves a new one.

        A certificate that is damaged, or of another structure, is not used. Relations between pairs
        of inputs keep none: they are proved from scratch.

        Raises:
            ValueError: The verifier has no folder.
        """
        if self.certificates is None:
            raise ValueError("FormalVerifier.certificates is None. Expected a folder.")
        if isinstance(property, Relation):
            result = verify(network, property, self.budget)
            return Recheck(result, result.boxes, 0, result.boxes, anew=True, stored=False)
        path = self.certificates / f"{property.hash()[:16]}.safetensors"
        graph = as_graph(network, property.inputs)
        if path.is_file():
            try:
                old = load_certificate(path, graph)
            except CheckpointError:
                path.unlink()
            else:
                found = recheck(old, network, self.budget)
                if not found.anew:
                    return found
        result, certificate = certify(network, property, self.budget)
        if certificate is not None:
            certificate.save(path)
        stored = certificate is not None
        return Recheck(result, result.boxes, 0, result.boxes, anew=True, stored=stored)
