# SPDX-License-Identifier: GPL-3.0-or-later
"""The adversarial loop.

Schedules count clips, never seconds, and every step's random numbers follow from (seed, step): a run
that was interrupted goes on as if it had not been. Several processes draw the same numbers, for the whole
batch, and each works on its share of the clips.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aigc_blender.generator.architecture import Architecture, Drift
from aigc_blender.generator.field import latent
from aigc_blender.generator.network import Generator, Placement, Wrap

from .augment import Augmentation, draw_augmentation
from .discriminator import Claim, Discriminator, DiscriminatorShape
from .distributed import ALONE, Team
from .footage.clips import Batch, Footage, draw_batch
from .imprint import Grid, Imprint, swings
from .leads import Leads
from .objectives import OBJECTIVES, claim_loss, gradient_penalty
from .visible import visible
from .windows import shown, shown_batch, views


@dataclass(frozen=True)
class Config:
    """What a run does; with the footage it determines the curve."""

    size: int = 64  # pixels a side of a clip
    frames: int = 6  # of a clip
    batch: int = 8  # clips a step, of all processes together
    windows: tuple[int, ...] = (1,)  # clips along each side of what is generated at once; one as often as the other
    strides: tuple[int, ...] = (1, 2, 4)  # footage frames from frame to frame ...
    stride_odds: tuple[float, ...] = (0.5, 0.3, 0.2)  # ... and how often each is used
    tempo: float = 1.0  # model frames that pass in a footage frame: what moves two pixels in one the trunk can follow
    drift: Drift = ()  # of the lattice for each style, right and up, in element heights a model frame
    objective: str = "relativistic"
    rate: float = 6e-4  # Adam's, falling to rate_end on a cosine over horizon_clips
    rate_end: float = 1.5e-4
    beta: float = 0.9  # Adam's second, rising to beta_end likewise: a short memory early, when gradients grow by leaps
    beta_end: float = 0.99
    gamma: float = 8.0  # of R1 + R2 for a clip of this shape in -1..1, falling to gamma_end likewise
    gamma_end: float = 0.6
    claims: float = 1.0  # weight of telling what a real clip's controls are from what they are not
    shows: float = 0.5  # weight of a generated clip's telling the discriminator what its controls are
    imprint: float = 0.0  # weight of evening out what the lattice leaves in pictures
    penalty_every: int = 4  # steps; the penalty is scaled up in turn
    horizon_clips: int = 40_000
    ema_half_life: float = 1_500  # clips, at most a tenth of the clips seen
    augment: float = 0.0  # probability of each kind of augmentation at most, for little footage ...
    augment_lead: float = 0.6  # ... rising while real clips win more pairs than this than they lose, and falling else
    augment_clips: int = 10_000  # from probability 0 to 1
    freeze: int = 0  # first layers of the discriminator that stay as they were learned before (Mo et al. 2020)
    pace: float = 1.0  # the generator's rate, in the discriminator's
    least_lead: float = -1.0  # a style with less teaches the generator nothing: a judge that cannot tell lets it drift
    alone: int = 0  # steps of the discriminator alone, then as many in which the generator gathers speed
    seed: int = 0
    half: bool = False  # networks compute in bfloat16; weights, penalty, averages and optimisers stay in float32


class NotFiniteError(ArithmeticError):
    """A loss or a weight is no longer a number."""


class Trainer:
    """Generator, its average, discriminator and their optimisers; ``step`` by ``step``."""

    def __init__(
        self,
        config: Config,
        architecture: Architecture,
        footage: Sequence[Footage],
        device: torch.device | str = "cpu",
        team: Team = ALONE,
    ) -> None:
        """Freshly initialised from the seed, alike in every process of the team."""
        self.config, self.footage, self.device, self.team = config, footage, torch.device(device), team
        torch.manual_seed(config.seed)
        self.generator = Generator(architecture).to(self.device)
        self.average = Generator(architecture).to(self.device)
        self.average.load_state_dict(self.generator.state_dict())
        self.average.requires_grad_(requires_grad=False)
        levels = int(math.log2(config.size // 4)) + 1
        channels = (32, 64, 96, 128, 128, 128)[:levels]
        self.discriminator = Discriminator(
            DiscriminatorShape(config.size, config.frames, architecture.styles, architecture.controls, channels)
        ).to(self.device)
        self.objective = OBJECTIVES[config.objective]
        first = [self.discriminator.stem, *self.discriminator.blocks][: config.freeze]
        for layer in first:
            layer.requires_grad_(requires_grad=False)
        self.learning = [p for p in self.discriminator.parameters() if p.requires_grad]
        self.generator_optimiser = torch.optim.Adam(self.generator.parameters())
        self.discriminator_optimiser = torch.optim.Adam(self.learning)
        self.augment, self.leads = 0.0, Leads(architecture.styles)  # probability now; by how much it knows the footage
        self.imprint = Imprint(architecture.styles, Grid(architecture.cell, architecture.knot), self.device)
        self.steps = 0
        self.rate_factor = 1.0

    def begin_with(self, network: Generator, discriminator: Mapping[str, Tensor] | None = None) -> None:
        """Start from the weights of a network of the same architecture, and from those of a discriminator that fit."""
        for mine in (self.generator, self.average):
            mine.load_state_dict(network.state_dict())
        own = self.discriminator.state_dict()
        fitting = {n: t for n, t in (discriminator or {}).items() if n in own and t.shape == own[n].shape}
        self.discriminator.load_state_dict({**own, **fitting})

    @property
    def clips(self) -> int:
        """Real clips seen."""
        return self.steps * self.config.batch

    @property
    def gamma(self) -> float:
        """The weight of R1 + R2 now."""
        return self._scheduled(self.config.gamma, self.config.gamma_end)

    def step(self) -> dict[str, float]:
        """One update of both networks; the losses by name, means over the batch.

        Raises:
            NotFiniteError: before anything was updated with it, in every process of the team.
        """
        config = self.config
        rng = np.random.default_rng([config.seed, self.steps])
        stride = int(rng.choice(config.strides, p=config.stride_odds))
        across = int(rng.choice(config.windows)) if len(config.windows) > 1 else config.windows[0]
        count = max(self.team.size, config.batch // across**2)
        share = self.team.share(count)
        drawn = draw_batch(self.footage, rng, count, config.frames, config.size * across, stride, self.device, share)
        real = shown_batch(drawn, config.size)
        self._set_rates()
        _let_learn(self.learning, True)  # a step that broke off may have left them so

        # 1. Draw noise: a field's seed a clip, and where in its lattice the clip lies.
        seeds = torch.from_numpy(rng.integers(2**32, size=count)[share]).to(self.device)
        instants, offset = draw_window(rng, self.generator.architecture, config.frames, stride * config.tempo)
        seen = None
        if self.augment:
            all_views = draw_augmentation(rng, count * views(across), config.size, self.augment, self.device)
            seen = all_views[self.team.share(count * views(across))]

        # 2. Generate what the real clips show.
        moves = self.steps >= config.alone and max(self.leads.of) >= config.least_lead
        with torch.set_grad_enabled(moves):
            window = self.generate(self.generator, seeds, drawn, instants, offset)
            fake = shown(window, config.size)

        # 3. Score real and generated.
        real_clips, fake_clips = real.claim.deviation(real.clips), real.claim.deviation(fake)
        penalised = self.steps % config.penalty_every == 0
        pair_clips = torch.cat([real_clips, fake_clips.detach()]).requires_grad_(penalised)
        pair_summary = self._summarise(pair_clips, real.claim.repeat(2), seen and seen.repeat(2))
        pair_scores = self.discriminator.judge(pair_summary, real.claim.repeat(2))
        real_scores, fake_scores = pair_scores.chunk(2)
        loss = self.objective.discriminator(real_scores, fake_scores)
        ahead = real_scores - fake_scores
        parts = {"discriminator": loss, "margin": ahead.mean(), **self.leads.tally(ahead, real.claim.style)}
        if config.claims and self.generator.architecture.controls:
            mistaken = self._judge_mistaken(pair_summary, real)
            parts["claims"] = claim_loss(real_scores, mistaken)
            loss = loss + config.claims * parts["claims"]

        # 4. Update the discriminator.
        if penalised:
            # Twice the mean over both halves: R1 + R2.
            penalty = 2 * gradient_penalty(pair_scores, pair_clips)
            loss = loss + 0.5 * self.gamma * config.penalty_every * penalty
            parts["penalty"] = penalty
        losses = self._update(self.discriminator_optimiser, loss, parts)

        # 5. Update the generator, and its average.
        if moves:
            _let_learn(self.learning, False)
            with torch.no_grad():
                real_scores = self._score(real_clips, real, seen)
            fake_summary = self._summarise(fake_clips, real.claim, seen)
            told = self.leads.enough(real.claim.style, config.least_lead)
            fake_summary = torch.where(told[:, None], fake_summary, fake_summary.detach())
            fake_scores = self.discriminator.judge(fake_summary, real.claim)
            loss = self.objective.generator(real_scores, fake_scores)
            parts = {"generator": loss}
            if config.shows and self.generator.architecture.controls:
                parts["shown"] = claim_loss(fake_scores, self._judge_mistaken(fake_summary, real))
                loss = loss + config.shows * parts["shown"]
            if config.imprint:
                parts["imprint"] = self._imprinted(window, drawn, instants, offset)
                loss = loss + config.imprint * parts["imprint"]
            losses |= self._update(self.generator_optimiser, loss, parts)
        self.leads.take(losses, count * views(across))
        self._adapt()
        losses |= {"lead": self.leads.mean, "augment": self.augment}
        self.steps += 1
        self._average()
        return losses

    def generate(
        self, network: Generator, seeds: Tensor, real: Batch, instants: Sequence[float], offset: tuple[int, int]
    ) -> Tensor:
        """Clips of what ``real`` shows, in a window that starts ``offset`` (rows, columns) finest trunk cells from the field's origin.

        Returns (N, F, size, size, 4) in -1..1, opaque where the style is.
        """
        architecture = network.architecture
        finest = architecture.trunk[-1].stride
        cells = real.clips.shape[2] // finest
        placement = real.claim.placement
        shift = torch.tensor([offset[1] * finest, offset[0] * finest], device=placement.base.device)
        moved = replace(placement, base=placement.base + shift)
        # A crop that is a whole period wraps in both members of the pair.
        periods = (
            torch.zeros_like(real.period_x),
            real.period_y // architecture.cell,
            real.period_x // architecture.cell,
        )
        z = latent(seeds, architecture.latent)
        rows, columns = ((o, o + cells) for o in offset)
        with self._precision():
            w = network.mapping(z, real.claim.style, real.claim.controls, placement.height)
            parts = _alike(architecture, moved)
            drawn = [
                network(seeds[i], w[i], instants, rows, columns, Wrap(*(p[i] for p in periods)), where)
                for i, where in parts
            ]
            clips = visible(torch.cat(drawn)[torch.cat([i for i, _ in parts]).argsort()].float())
        opaque = torch.tensor([not f.style.alpha for f in self.footage], device=clips.device)[real.claim.style]
        alpha = torch.where(opaque[:, None, None, None], torch.ones_like(clips[..., 3]), clips[..., 3])
        return torch.cat([clips[..., :3], alpha[..., None]], dim=-1)

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs, as tensors and plain data."""
        return {
            "config": asdict(self.config),
            "steps": self.steps,
            "augment": self.augment,
            "lead": self.leads.of,
            "imprint": self.imprint.of.tolist(),
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "generator_optimiser": self.generator_optimiser.state_dict(),
            "discriminator_optimiser": self.discriminator_optimiser.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from ``state()`` of a run with the same networks."""
        self.steps = int(state["steps"])
        self.augment = float(state.get("augment", 0.0))
        self.leads.load(state.get("lead", 0.0))
        if "imprint" in state:
            self.imprint.load(state["imprint"])
        for name in ("generator", "average", "discriminator", "generator_optimiser", "discriminator_optimiser"):
            getattr(self, name).load_state_dict(state[name])

    def check(self) -> None:
        """Make sure that all weights are numbers.

        Raises:
            NotFiniteError: which network has others.
        """
        for name in ("generator", "discriminator"):
            if not all(torch.isfinite(p).all() for p in getattr(self, name).parameters()):
                raise NotFiniteError(f"the {name}'s weights are not finite")

    def _summarise(self, clips: Tensor, claim: Claim, seen: Augmentation | None) -> Tensor:
        with self._precision():
            return self.discriminator.summarise(clips, claim, seen)

    def _score(self, clips: Tensor, real: Batch, seen: Augmentation | None) -> Tensor:
        """Of clips that claim what ``real`` shows."""
        return self.discriminator.judge(self._summarise(clips, real.claim, seen), real.claim)

    def _judge_mistaken(self, summary: Tensor, real: Batch) -> Tensor:
        """(slots, N): scores of clips, the first N of those summarised, that claim each control wrongly in turn."""
        slots = real.others.shape[1]
        shown = summary[: len(real.clips)].repeat(slots, 1)
        return self.discriminator.judge(shown, real.claim.mistaken(real.others)).view(slots, -1)

    def _imprinted(self, window: Tensor, drawn: Batch, instants: Sequence[float], offset: tuple[int, int]) -> Tensor:
        """What the lattice leaves in clips generated at the instants, ``offset`` finest trunk cells from the field's origin."""
        architecture, claim = self.generator.architecture, drawn.claim
        row, column = (o * architecture.trunk[-1].stride for o in offset)
        free = claim.placement.anchored == 0
        if architecture.drift:  # a lattice that moves has no place of its own along that axis
            free &= torch.tensor(architecture.drift, device=free.device)[claim.style] == 0
        seen = swings(window, (row, column), instants, self.imprint.grid, free)
        loss = self.imprint.loss(seen, claim.style)
        self.imprint.take(seen, claim.style, self.team)
        return loss

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.half)

    def _update(self, optimiser: torch.optim.Optimizer, loss: Tensor, parts: Mapping[str, Tensor]) -> dict[str, float]:
        """A step down the loss of the whole batch; its parts, means over the batch, where they are numbers."""
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        gradients = [p.grad for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
        means = self.team.average(gradients, torch.stack([part.detach() for part in parts.values()])).tolist()
        for name, mean in zip(parts, means, strict=True):
            if not math.isfinite(mean):
                raise NotFiniteError(f"the {name} loss is not finite")
        optimiser.step()
        return dict(zip(parts, means, strict=True))

    def _scheduled(self, start: float, end: float) -> float:
        """From start to end, up or down, on a cosine over the horizon."""
        progress = min(self.clips / self.config.horizon_clips, 1.0)
        return end + (start - end) * 0.5 * (1 + math.cos(math.pi * progress))

    def _adapt(self) -> None:
        """More augmentation while the discriminator knows the footage too well (Karras et al. 2020)."""
        step = math.copysign(self.config.batch / self.config.augment_clips, self.leads.mean - self.config.augment_lead)
        self.augment = min(max(self.augment + step, 0.0), self.config.augment)

    def _set_rates(self) -> None:
        rate = self.rate_factor * self._scheduled(self.config.rate, self.config.rate_end)
        beta = self._scheduled(self.config.beta, self.config.beta_end)
        # After the steps alone, as many in which the generator gathers speed.
        alone = self.config.alone
        speed = min(max(self.steps - alone + 1, 0) / (alone + 1), 1.0)
        for optimiser, factor in (
            (self.generator_optimiser, speed * self.config.pace),
            (self.discriminator_optimiser, 1.0),
        ):
            for group in optimiser.param_groups:
                group["lr"], group["betas"] = factor * rate, (0.0, beta)

    @torch.no_grad()
    def _average(self) -> None:
        half_life = min(self.config.ema_half_life, 0.1 * self.clips)
        keep = 0.5 ** (self.config.batch / half_life) if half_life else 0.0
        for mean, value in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(value, 1 - keep)


def _let_learn(parameters: Sequence[nn.Parameter], learning: bool) -> None:
    for parameter in parameters:
        parameter.requires_grad_(learning)


def _alike(architecture: Architecture, placement: Placement) -> list[tuple[Tensor, Placement]]:
    """Windows whose lattices move alike, as they are drawn together: which of the N, and where they lie."""
    if not architecture.drift:
        return [(torch.arange(len(placement.height), device=placement.height.device), placement)]
    shown = zip(placement.style.tolist(), placement.height.tolist(), strict=True)
    flows = torch.tensor([architecture.flow([s], height) for s, height in shown], device=placement.height.device)
    parts = []
    for flow in flows.unique(dim=0):
        chosen = (flows == flow).all(1).nonzero()[:, 0]
        base, height, anchored, style = (
            t[chosen] for t in (placement.base, placement.height, placement.anchored, placement.style)
        )
        parts.append((chosen, Placement(base, height, anchored, style, flow=flows[chosen])))
    return parts


def draw_window(
    rng: np.random.Generator, architecture: Architecture, frames: int, stride: float
) -> tuple[list[float], tuple[int, int]]:
    """Model times of a clip at a random instant and a random offset within the lattice, in finest trunk cells."""
    phase = float(rng.random() * architecture.knot)
    if architecture.drift:  # what moves along is shown by whole pixels
        phase = math.floor(phase * architecture.speed) / architecture.speed
    across = architecture.cell // architecture.trunk[-1].stride
    return [phase + i * stride for i in range(frames)], (int(rng.integers(across)), int(rng.integers(across)))


def count_parameters(network: nn.Module) -> int:
    """Number of trained numbers."""
    return sum(p.numel() for p in network.parameters())
