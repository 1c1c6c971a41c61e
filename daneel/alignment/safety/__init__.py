"""Safety of behaviour: plants, certificates, the runtime shield, and rules over plans.

Closed loops of a network and a known plant are verified (`certify_cells`, `verify_steps`,
`verify_barrier`, `verify_lyapunov`), and what is proved is enforced: `Shield` projects every action
onto those that a certificate vouches for. `NeuroSymbolicExecutor` holds imagined rollouts and plans
against temporal rules (it needs the extra `verify`).
"""

from daneel.alignment.safety.cells import Box, CellCertificate, certify_cells, falsify
from daneel.alignment.safety.certificate_conditions import (
    verify_barrier,
    verify_lyapunov,
    verify_steps,
    verify_sublevel,
)
from daneel.alignment.safety.certificates import (
    BrakingCertificate,
    Certificate,
    Disc,
    EllipsoidCertificate,
)
from daneel.alignment.safety.closed_loop import ClosedLoop, Forms, reach
from daneel.alignment.safety.executor import (
    NeuroSymbolicExecutor,
    Proposal,
    Ruling,
    load_rules,
    parse_rules,
)
from daneel.alignment.safety.lyapunov import find_ellipsoid, saturated_linear
from daneel.alignment.safety.plant_env import PlantEnv, Task
from daneel.alignment.safety.plants import AffineStep, DoubleIntegrator, Pendulum, Plant
from daneel.alignment.safety.projection import project
from daneel.alignment.safety.proving import Proof, prove_nonpositive
from daneel.alignment.safety.quadratic import Quadratic
from daneel.alignment.safety.rules import Rule, Trace, evaluate, parse_rule
from daneel.alignment.safety.shield import Decision, Shield, ShieldedEnv
from daneel.alignment.safety.symbolic import RuleFinding, as_trace, check_rules

__all__ = [
    "AffineStep",
    "Box",
    "BrakingCertificate",
    "CellCertificate",
    "Certificate",
    "ClosedLoop",
    "Decision",
    "Disc",
    "DoubleIntegrator",
    "EllipsoidCertificate",
    "Forms",
    "NeuroSymbolicExecutor",
    "Pendulum",
    "Plant",
    "PlantEnv",
    "Proof",
    "Proposal",
    "Quadratic",
    "Rule",
    "RuleFinding",
    "Ruling",
    "Shield",
    "ShieldedEnv",
    "Task",
    "Trace",
    "as_trace",
    "certify_cells",
    "check_rules",
    "evaluate",
    "falsify",
    "find_ellipsoid",
    "load_rules",
    "parse_rule",
    "parse_rules",
    "project",
    "prove_nonpositive",
    "reach",
    "saturated_linear",
    "verify_barrier",
    "verify_lyapunov",
    "verify_steps",
    "verify_sublevel",
]
