# SPDX-License-Identifier: GPL-3.0-or-later
"""Objectives: their value where the optimum is known, the signs of their gradients, penalties against finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.objectives import OBJECTIVES, claim_loss, gradient_penalty


def test_the_minimax_value_at_the_optimum_is_minus_log_4() -> None:
    """Two equal densities: the best discriminator cannot tell them apart and answers one half everywhere."""
    scores = torch.zeros(100)
    assert OBJECTIVES["minimax"].discriminator(scores, scores).item() == pytest.approx(math.log(4))


def test_the_best_discriminator_is_the_log_density_ratio() -> None:
    """On two Gaussians the loss is least at log p/q, and is log 4 minus twice the Jensen-Shannon divergence there."""
    x = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    p, q = (torch.exp(-((x - m) ** 2) / 2) / math.sqrt(2 * math.pi) for m in (-0.5, 0.5))
    step = float(x[1] - x[0])

    def loss(scores: Tensor) -> float:
        softplus = torch.nn.functional.softplus
        return float(((p * softplus(-scores)) + (q * softplus(scores))).sum() * step)

    ratio = torch.log(p / q)
    mean = (p + q) / 2
    divergence = float((p * torch.log(p / mean) + q * torch.log(q / mean)).sum() * step) / 2
    assert loss(ratio) == pytest.approx(math.log(4) - 2 * divergence, abs=1e-6)
    # The objective itself, on samples of both.
    draws = torch.Generator().manual_seed(0)
    real = torch.randn(200_000, generator=draws, dtype=torch.float64) - 0.5
    fake = torch.randn(200_000, generator=draws, dtype=torch.float64) + 0.5
    sampled = OBJECTIVES["minimax"].discriminator(-real, -fake).item()  # log p/q of these two is -x
    assert sampled == pytest.approx(loss(ratio), abs=5e-3)
    for worse in (ratio * 0.5, ratio * 1.5, ratio + 0.3):
        assert loss(worse) > loss(ratio)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_pull_the_right_way(name: str) -> None:
    real, fake = torch.tensor([0.3], requires_grad=True), torch.tensor([-0.2], requires_grad=True)
    by_real, by_fake = torch.autograd.grad(OBJECTIVES[name].discriminator(real, fake), [real, fake])
    assert by_real < 0 < by_fake  # the discriminator raises real scores and lowers fake ones
    (by_fake,) = torch.autograd.grad(OBJECTIVES[name].generator(real, fake), [fake])
    assert by_fake < 0  # the generator raises fake ones


def test_only_minimax_starves_a_generator_that_is_seen_through() -> None:
    def pull(name: str) -> float:
        fake = torch.tensor([-20.0], requires_grad=True)
        (gradient,) = torch.autograd.grad(OBJECTIVES[name].generator(torch.zeros(1), fake), [fake])
        return abs(gradient.item())

    assert pull("minimax") < 1e-6
    assert pull("nonsaturating") > 0.99
    assert pull("relativistic") > 0.99


def test_the_relativistic_loss_sees_only_the_difference_of_a_pair() -> None:
    real, fake = torch.randn(2, 16, generator=torch.Generator().manual_seed(1))
    loss = OBJECTIVES["relativistic"].discriminator
    assert loss(real + 5, fake + 5).item() == pytest.approx(loss(real, fake).item(), rel=1e-5)
    assert loss(torch.zeros(4), torch.zeros(4)).item() == pytest.approx(math.log(2))


def test_the_penalty_is_the_squared_gradient_and_can_be_differentiated() -> None:
    torch.manual_seed(0)
    hidden = torch.nn.Linear(12, 7)
    network = torch.nn.Sequential(torch.nn.Flatten(), hidden, torch.nn.Softplus(), torch.nn.Linear(7, 1)).double()
    clips = torch.randn(3, 2, 6, dtype=torch.float64, requires_grad=True)

    def scores(x: Tensor) -> Tensor:
        result: Tensor = network(x)[:, 0]
        return result

    step = 1e-5
    expected = 0.0
    for clip in clips.detach():
        for i in range(clip.numel()):
            nudge = torch.zeros(clip.numel(), dtype=torch.float64)
            nudge[i] = step
            up, down = (scores((clip + s * nudge.view_as(clip))[None]).item() for s in (1, -1))
            expected += ((up - down) / (2 * step)) ** 2 / len(clips)
    penalty = gradient_penalty(scores(clips), clips)
    assert penalty.item() == pytest.approx(expected, rel=1e-5)
    penalty.backward()
    weight = hidden.weight
    assert weight.grad is not None
    before, gradient = weight.detach().clone(), weight.grad[0, 0].item()
    values = []
    step = 1e-3  # the penalty is summed in float32
    for s in (1, -1):
        with torch.no_grad():
            weight.copy_(before)
            weight[0, 0] += s * step
        values.append(gradient_penalty(scores(clips), clips).item())
    assert gradient == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-2)


def test_training_a_discriminator_reaches_the_value_that_is_known() -> None:
    """Gradient descent finds -log 4 on equal densities, and -log 4 plus twice the Jensen-Shannon divergence on others."""
    for classes in (([0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]), ([0.1, 0.2, 0.3, 0.4], [0.4, 0.1, 0.4, 0.1])):
        p, q = (torch.tensor(c, dtype=torch.float64) for c in classes)
        real, fake = (torch.repeat_interleave(torch.arange(4), (c * 10).round().long()) for c in (p, q))
        table = torch.linspace(-1, 2, 4, dtype=torch.float64).requires_grad_()  # the scores of a discriminator
        optimiser = torch.optim.Adam([table], 0.1)
        for _ in range(300):
            loss = OBJECTIVES["minimax"].discriminator(table[real], table[fake])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        mean = (p + q) / 2
        divergence = ((p * torch.log(p / mean)).sum() + (q * torch.log(q / mean)).sum()).item() / 2
        assert -loss.item() == pytest.approx(-math.log(4) + 2 * divergence, abs=1e-6)
        torch.testing.assert_close(table.detach(), torch.log(p / q), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_generator_finds_the_mean_of_a_gaussian_and_stays(name: str) -> None:
    """The game as it is trained, in one dimension: from a distance of 1.5 to the equilibrium, where scores are equal."""
    draws = torch.Generator().manual_seed(0)
    mean = torch.tensor(-0.5, requires_grad=True)
    slope = torch.tensor(0.0, requires_grad=True)  # a discriminator of equal variances is linear at its best
    objective = OBJECTIVES[name]
    path = []
    for _ in range(400):
        real, noise = 1.0 + torch.randn(256, generator=draws), torch.randn(256, generator=draws)
        clips = torch.cat([real, (mean + noise).detach()])[:, None].requires_grad_()
        scores = slope * clips[:, 0]
        loss = objective.discriminator(*scores.chunk(2)) + 0.5 * 2 * gradient_penalty(scores, clips)
        (by_slope,) = torch.autograd.grad(loss, [slope])
        loss = objective.generator(slope.detach() * real, slope.detach() * (mean + noise))
        (by_mean,) = torch.autograd.grad(loss, [mean])
        with torch.no_grad():
            slope -= 0.1 * by_slope
            mean -= 0.1 * by_mean
        path.append(mean.item())
    last = path[-100:]
    assert sum(last) / 100 == pytest.approx(1.0, abs=0.1)
    assert max(last) - min(last) < 0.3, "it does not circle"
    assert abs(slope.item()) < 0.1


def test_r1_and_r2_are_the_two_halves_of_a_batch() -> None:
    """On real and fake clips at once, twice the mean is R1 + R2, each against finite differences of its own half."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    network.double()
    real, fake = torch.randn(2, 3, 2, 3, dtype=torch.float64)
    both = torch.cat([real, fake]).requires_grad_()
    penalty = 2 * gradient_penalty(network(both)[:, 0], both)

    def by_differences(clips: Tensor) -> float:
        nudges = 1e-5 * torch.eye(6, dtype=torch.float64).view(6, 1, 2, 3)
        with torch.no_grad():
            slopes = [(network(clips + n) - network(clips - n)) / 2e-5 for n in nudges]
        return torch.stack(slopes).square().sum(0).mean().item()

    assert by_differences(real) != pytest.approx(by_differences(fake), rel=0.01)
    assert penalty.item() == pytest.approx(by_differences(real) + by_differences(fake), rel=1e-5)


def test_the_best_judge_of_claims_knows_how_likely_each_is_of_what_is_seen() -> None:
    """Gradient descent finds log p(control | clip) / p(control), but for a number that a clip may have to itself."""
    joint = torch.tensor([[0.2, 0.1, 0.1], [0.1, 0.1, 0.0], [0.0, 0.2, 0.2]], dtype=torch.float64) + 0.01
    joint /= joint.sum()
    clip, true, false = (i.flatten() for i in torch.meshgrid(*[torch.arange(3)] * 3, indexing="ij"))
    share = joint[clip, true] * joint.sum(0)[false]  # the false control is that of any other clip
    drawn = torch.repeat_interleave(torch.arange(27), (share * 20_000).round().long())
    table = torch.zeros(3, 3, dtype=torch.float64).requires_grad_()
    optimiser = torch.optim.Adam([table], 0.1)
    for step in range(300):
        loss = claim_loss(table[clip, true][drawn], table[clip, false][drawn])
        if step == 0:
            assert loss.item() == pytest.approx(math.log(2))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    known = torch.log(joint / joint.sum(0) / joint.sum(1, keepdim=True))
    found, known = (t - t.mean(1, keepdim=True) for t in (table.detach(), known))
    assert torch.allclose(found, known, atol=0.01)
