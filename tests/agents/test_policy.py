"""Policies: densities, entropies, modes, heads."""

import pytest
import torch

from daneel.agents.policy import CategoricalPolicy, GaussianPolicy
from tests.world_models.hand_made import generator, make_constant, randomise, unit

KINDS = (GaussianPolicy, CategoricalPolicy)


def make(kind: type, action_dim: int = 3) -> GaussianPolicy | CategoricalPolicy:
    """A small policy on latents of width 6 with random weights."""
    return randomise(kind(6, action_dim, 16), seed=3)


@pytest.mark.parametrize("row", range(4))
def test_density_integrates_to_one(row):
    """The density of a squashed Gaussian of one dimension integrates to 1."""
    policy, z = make(GaussianPolicy, 1), unit(4, 6)[row]
    noise = torch.linspace(-7, 7, 20_001, dtype=torch.float64).unsqueeze(1)
    action, log_p = policy.double().sample(z.double().expand(len(noise), -1), noise)
    mass = torch.trapezoid(log_p.exp(), action.squeeze(1))
    assert mass.item() == pytest.approx(1, abs=1e-3)


def test_density_of_several_dimensions_is_the_product():
    """The log density of a standard normal through tanh, against its formula."""
    policy = make(GaussianPolicy, 2)
    noise = torch.tensor([[0.3, -1.2], [0.0, 2.0]])
    action, log_p = policy.sample(unit(2, 6), noise)
    spread = torch.autograd.functional.jacobian(
        lambda n: policy.sample(unit(2, 6), n)[0].sum(0), noise
    )
    assert isinstance(spread, torch.Tensor)
    slope = spread.diagonal(dim1=0, dim2=2).permute(0, 1)  # d action / d noise, [B, A]
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(noise)
    torch.testing.assert_close(log_p, (normal - slope.log()).sum(-1), rtol=1e-3, atol=1e-3)
    assert bool((action.abs() < 1).all())


def test_extreme_actions_have_finite_density():
    """Noise that saturates tanh gives finite densities and gradients."""
    policy, z = make(GaussianPolicy), unit(2, 6).requires_grad_()
    _, log_p = policy.sample(z, torch.full((2, 3), 50.0))
    log_p.sum().backward()
    assert z.grad is not None
    assert bool(log_p.isfinite().all())
    assert bool(z.grad.isfinite().all())


def test_categorical_probabilities_and_entropy():
    """Log probabilities are normalised; the entropy is that of torch's distribution."""
    policy, z = make(CategoricalPolicy, 5), unit(7, 6)
    assert isinstance(policy, CategoricalPolicy)
    log_p = policy.log_probabilities(z)
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(7))
    entropy = -(log_p.exp() * log_p).sum(-1)
    torch.testing.assert_close(entropy, torch.distributions.Categorical(logits=log_p).entropy())
    make_constant(policy.net, 0.0)
    uniform = policy.log_probabilities(z)
    torch.testing.assert_close(-(uniform.exp() * uniform).sum(-1), torch.full((7,), 5.0).log())


def test_categorical_samples_by_its_probabilities():
    """Actions come up as often as their probabilities say, with these log-probabilities."""
    policy, z = make(CategoricalPolicy, 4), unit(1, 6).expand(40_000, -1)
    assert isinstance(policy, CategoricalPolicy)
    action, log_p = policy.sample(z, policy.noise(40_000, generator=generator()))
    expected = policy.log_probabilities(z[:1]).squeeze(0)
    torch.testing.assert_close(action.mean(0), expected.exp(), rtol=0, atol=0.01)
    torch.testing.assert_close(log_p, (action * expected).sum(-1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lead", [(), (5,), (2, 3)])
def test_any_leading_axes(kind, lead):
    """Any leading axes are kept, by modes, noise and samples."""
    policy = make(kind)
    z, noise = unit(*lead, 6), policy.noise(*lead, generator=generator())
    action, log_p = policy.sample(z, noise)
    assert (noise.shape, action.shape, log_p.shape) == ((*lead, 3), (*lead, 3), lead)
    assert policy.mode(z).shape == (*lead, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_sampling_without_noise_gives_the_mode(kind):
    """Sampling with zero noise gives the mode."""
    policy, z = make(kind), unit(9, 6)
    torch.testing.assert_close(policy.sample(z, torch.zeros(9, 3))[0], policy.mode(z))


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_is_the_mode(kind):
    """The head gives the mode; of categories, logits whose largest is the mode."""
    policy, z = make(kind), unit(9, 6)
    output = policy.head()(z)
    if policy.discrete:
        assert torch.equal(output.argmax(-1), policy.mode(z).argmax(-1))
    else:
        torch.testing.assert_close(output, policy.mode(z))


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_is_a_copy(kind):
    """Changing every weight of the head does not change the policy."""
    policy, z = make(kind), unit(9, 6)
    noise = policy.noise(9, generator=generator())
    before = policy.sample(z, noise)
    randomise(policy.head(), seed=8)
    after = policy.sample(z, noise)
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])


@pytest.mark.parametrize("kind", KINDS)
def test_noise_comes_from_its_generator(kind):
    """Noise comes from the generator it is given."""
    policy = make(kind)
    first, same, other = (policy.noise(8, generator=generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert bool(first.isfinite().all())
