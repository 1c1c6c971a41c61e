"""A small network for what an identified model does not say: the torque that is missing.

Hwangbo et al. 2019, "Learning agile and dynamic motor skills for legged robots" (arXiv 1901.08652)
replace the actuator by a network from a short history of position errors and velocities. Here it
stands on top of the identified actuator and gives only the rest, so that it has little to learn and
nothing to say where the model is right. Inputs of the last H samples, this one included and none
after it: command less position, velocity, command.

Targets need no accelerations: from every measured state the model is stepped K samples ahead, and
the extra torque is the one that would have ended at the measured velocities. The network is kept
only if rollouts of held-out logs get clearly better with it; else there is none, and the result
says so.

T samples, J joints, B rollouts, H history, F = 3 H + J features of a joint.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from daneel.agents.calibration.problem import CalibrationError, Floats
from daneel.errors import ConfigError

FILE = "residual_actuator.safetensors"
"""Name of the weights' file in a calibration folder."""

Step = Callable[[Floats, Floats, Floats, Floats], tuple[Floats, Floats]]
"""One sample of the identified model: q, dq, command, extra torque [B, J] to the next q, dq."""


@dataclass(frozen=True)
class Motion:
    """A stretch of a log."""

    q: Floats
    """Positions [T, J]."""
    dq: Floats
    """Velocities [T, J]."""
    command: Floats
    """What the robot was told [T, J]."""


@dataclass(frozen=True)
class ResidualConfig:
    """How the network looks and learns."""

    history: int = 6
    """Samples that it sees."""
    width: int = 32
    """Width of its two hidden layers."""
    ahead: int = 5
    """Samples K over which a target torque is found: more are less noisy and less sharp."""
    epochs: int = 200
    """Most passes over the training logs."""
    patience: int = 20
    """Passes without gain on held-out logs before training ends."""
    rate: float = 3e-3
    """Learning rate of Adam."""
    decay: float = 1e-4
    """Weight decay."""
    horizon: int = 50
    """Samples of the rollouts that decide whether the network is kept."""
    gain: float = 0.02
    """Share by which those have to get better: less is luck, and a network is one more thing that
    can be wrong."""

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ConfigError: One is too small.
        """
        for name in ("history", "width", "ahead", "epochs", "patience", "horizon"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}. Expected at least 1.")
        if not 0.0 <= self.gain < 1.0:
            raise ConfigError(f"gain is {self.gain}. Expected 0 to 1, a share.")


class ResidualActuator(nn.Module):
    """Extra torque of every joint from what it was told and did lately."""

    def __init__(self, joints: int, config: ResidualConfig) -> None:
        """Builds the network; its first weights come from torch's generator."""
        super().__init__()
        self.joints, self.config = joints, config
        size = 3 * config.history
        self.body = nn.Sequential(
            nn.Linear(size + joints, config.width), nn.Softsign(),
            nn.Linear(config.width, config.width), nn.Softsign(), nn.Linear(config.width, 1),
        )  # fmt: skip
        self.register_buffer("middle", torch.zeros(joints, size))
        self.register_buffer("spread", torch.ones(joints, size))
        self.register_buffer("unit", torch.ones(joints))
        self.register_buffer("limit", torch.ones(joints))

    def forward(self, features: Tensor) -> Tensor:
        """Torques [..., J] of features [..., J, 3 H], never beyond what was seen in training."""
        scaled = (features - self.get_buffer("middle")) / self.get_buffer("spread")
        which = torch.eye(self.joints).expand(*scaled.shape[:-2], -1, -1)
        raw = self.body(torch.cat([scaled, which], dim=-1))[..., 0] * self.get_buffer("unit")
        limit = self.get_buffer("limit")
        return torch.maximum(torch.minimum(raw, limit), -limit)

    @torch.no_grad()
    def torque(self, features: Floats) -> Floats:
        """The same with arrays."""
        return self(torch.as_tensor(features, dtype=torch.float32)).double().numpy()

    def save(self, folder: str | Path) -> Path:
        """Writes the weights and the configuration as safetensors and returns the path."""
        from safetensors.torch import save_file

        path = Path(folder) / FILE
        about = {"joints": str(self.joints), "config": json.dumps(asdict(self.config))}
        save_file(self.state_dict(), str(path), metadata=about)
        return path


def load_residual(folder: str | Path) -> ResidualActuator:
    """Reads the network of a calibration folder.

    Raises:
        CalibrationError: There is none, or it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(folder) / FILE
    try:
        with safe_open(str(path), framework="pt") as file:
            about = file.metadata()
            net = ResidualActuator(
                int(about["joints"]), ResidualConfig(**json.loads(about["config"]))
            )
            net.load_state_dict({key: file.get_tensor(key) for key in file.keys()})
    except (OSError, SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise CalibrationError(
            f"There is no residual actuator in {str(path)!r} that can be read ({error}). Expected "
            f"a calibration with one. Type `daneel calibrate --help` to make it."
        ) from error
    return net


@dataclass(frozen=True)
class ResidualResult:
    """What came of it."""

    network: ResidualActuator | None
    """The network, or None where it did not help."""
    before: float
    """Error of held-out rollouts of the model alone, root mean square in rad."""
    after: float
    """The same with the network, had it been kept."""
    epochs: int
    """Passes that were made."""
    message: str
    """What was decided and why."""


def fit_residual(
    step: Step,
    train: Sequence[Motion],
    held_out: Sequence[Motion],
    config: ResidualConfig,
    generator: torch.Generator,
) -> ResidualResult:
    """Learns the missing torque, and keeps it only if held-out rollouts get better.

    Args:
        step: The identified model.
        train: Logs to learn from.
        held_out: Other logs; they stop the training and decide.
        config: How the network looks and learns.
        generator: Draws first weights and batches.

    Raises:
        CalibrationError: A log is shorter than the history, the horizon and the look ahead.
    """
    for motion in [*train, *held_out]:
        _check(motion, config)
    features, targets = _examples(step, train, config)
    held_features, held_targets = _examples(step, held_out, config)
    net = _build(features, targets, config, generator)
    epochs = _learn(net, (features, targets), (held_features, held_targets), config, generator)
    before = rollout_error(step, held_out, config, None)
    after = rollout_error(step, held_out, config, net)
    if after < (1.0 - config.gain) * before:
        said = f"kept: held-out rollouts went from {before:.4g} to {after:.4g} rad"
        return ResidualResult(net, before, after, epochs, said)
    said = f"none: held-out rollouts would go from {before:.4g} to {after:.4g} rad"
    return ResidualResult(None, before, after, epochs, said)


def features_of(motion: Motion, history: int) -> Floats:
    """Features [T, J, 3 H]; before the first sample it was as at the first."""
    signals = np.stack([motion.command - motion.q, motion.dq, motion.command], axis=-1)
    padded = np.concatenate([np.repeat(signals[:1], history - 1, axis=0), signals])
    windows = [padded[at : at + len(signals)] for at in range(history)]  # oldest first
    return np.concatenate(windows, axis=-1)


def missing_torque(step: Step, motion: Motion, ahead: int) -> Floats:
    """Constant extra torque [T - K, J] that ends K samples later at the measured velocity."""
    count, joints = len(motion.q) - ahead, motion.q.shape[1]

    def end(extra: Floats) -> Floats:
        q, dq = motion.q[:count], motion.dq[:count]
        for at in range(ahead):
            q, dq = step(q, dq, motion.command[at : at + count], extra)
        return dq

    none = end(np.zeros((count, joints)))
    pushed = [end(np.tile(np.eye(joints)[at], (count, 1))) - none for at in range(joints)]
    slopes = np.stack(pushed, axis=-1)  # [T - K, J, J]
    gap = motion.dq[ahead:] - none
    return np.asarray(np.linalg.solve(slopes, gap[..., None])[..., 0], np.float64)


def roll(
    step: Step, q: Floats, dq: Floats, commands: Floats, net: ResidualActuator | None
) -> Floats:
    """Positions [B, T + 1, J] from starts [B, J] under commands [B, T, J], with the network."""
    path, lately = [q], None
    for at in range(commands.shape[1]):
        extra = np.zeros_like(q)
        if net is not None:
            now = np.stack([commands[:, at] - q, dq, commands[:, at]], axis=-1)
            count = net.config.history
            lately = [now] * count if lately is None else [*lately[1:], now]
            extra = net.torque(np.concatenate(lately, axis=-1))
        q, dq = step(q, dq, commands[:, at], extra)
        path.append(q)
    return np.stack(path, axis=1)


def rollout_error(
    step: Step, motions: Sequence[Motion], config: ResidualConfig, net: ResidualActuator | None
) -> float:
    """Root mean square error in rad of rollouts of `horizon` samples from measured states."""
    errors = []
    for motion in motions:
        starts = np.arange(0, len(motion.q) - config.horizon, max(1, config.horizon // 2))
        window = starts[:, None] + np.arange(config.horizon)
        path = roll(step, motion.q[starts], motion.dq[starts], motion.command[window], net)
        errors.append((path[:, 1:] - motion.q[window + 1]).ravel())
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))


def _examples(
    step: Step, motions: Sequence[Motion], config: ResidualConfig
) -> tuple[Tensor, Tensor]:
    """Features [E, J, 3 H] and target torques [E, J] of all samples."""
    targets = [missing_torque(step, motion, config.ahead) for motion in motions]
    features = [
        features_of(motion, config.history)[: len(target)]
        for motion, target in zip(motions, targets, strict=True)
    ]
    return (
        torch.as_tensor(np.concatenate(features), dtype=torch.float32),
        torch.as_tensor(np.concatenate(targets), dtype=torch.float32),
    )


def _build(
    features: Tensor, targets: Tensor, config: ResidualConfig, generator: torch.Generator
) -> ResidualActuator:
    """A network with the scales of the training logs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        net = ResidualActuator(features.shape[1], config)
    net.get_buffer("middle").copy_(features.mean(dim=0))
    net.get_buffer("spread").copy_(features.std(dim=0) + 1e-6)
    net.get_buffer("unit").copy_(targets.std(dim=0) + 1e-9)
    net.get_buffer("limit").copy_(torch.quantile(targets.abs(), 0.995, dim=0) + 1e-9)
    return net


def _learn(
    net: ResidualActuator,
    train: tuple[Tensor, Tensor],
    held: tuple[Tensor, Tensor],
    config: ResidualConfig,
    generator: torch.Generator,
) -> int:
    """Trains until the held-out loss no longer falls; the best weights stay; passes made."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=config.rate, weight_decay=config.decay)
    best, best_loss, since, epochs = copy.deepcopy(net.state_dict()), _loss(net, *held).item(), 0, 0
    for _ in range(config.epochs):
        epochs += 1
        order = torch.randperm(len(train[0]), generator=generator)
        for batch in order.split(512):
            optimiser.zero_grad()
            _loss(net, train[0][batch], train[1][batch]).backward()
            optimiser.step()
        with torch.no_grad():
            loss = _loss(net, *held).item()
        since = 0 if loss < best_loss else since + 1
        if since == 0:
            best, best_loss = copy.deepcopy(net.state_dict()), loss
        if since >= config.patience:
            break
    net.load_state_dict(best)
    return epochs


def _loss(net: ResidualActuator, features: Tensor, targets: Tensor) -> Tensor:
    """Huber's loss in units of each joint's missing torque."""
    unit = net.get_buffer("unit")
    return functional.huber_loss(net(features) / unit, targets / unit)


def _check(motion: Motion, config: ResidualConfig) -> None:
    need = max(config.history, config.ahead, config.horizon) + 2
    if len(motion.q) < need:
        raise CalibrationError(
            f"A log for the residual actuator has {len(motion.q)} samples. Expected at least "
            f"{need}. Take longer logs, or a shorter horizon."
        )
