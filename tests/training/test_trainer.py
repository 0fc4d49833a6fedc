# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop: it learns, it resumes to the bit, and pairs are fair."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aigc_blender.card import Control, Style
from aigc_blender.generator.network import Generator
from tests.models import TINY
from training.footage.clips import Batch, Footage, draw_batch, draw_crops, read_crops
from training.run.state import load_state, save_state
from training.trainer import Config, NotFiniteError, Trainer, draw_window

CONFIG = Config(size=32, frames=3, batch=4, strides=(1, 2), stride_odds=(0.5, 0.5), horizon_clips=400)


def two_styles() -> list[Footage]:
    """``bands``: anchored, alpha, brighter from the base up; ``flat``: opaque, of one colour."""
    up = (np.arange(64)[::-1] / 63 * 255).astype(np.uint8)
    bands = np.zeros((3, 12, 64, 48, 4), np.uint8)
    bands[...] = up[:, None, None]
    flat = np.full((2, 12, 32, 32, 4), 60, np.uint8)
    controls = np.linspace(0, 1, 3, dtype=np.float32)[:, None]
    return [
        Footage(Style("bands", anchored=("y",), alpha=True, controls=(Control("c"),)), {64: bands}, controls, ("x",)),
        Footage(Style("flat"), {32: flat}, np.zeros((2, 0), np.float32), ("x", "y")),
    ]


def trainer(config: Config = CONFIG) -> Trainer:
    return Trainer(config, TINY, two_styles())


def test_a_crop_knows_where_it_lies() -> None:
    """What position says of a pixel is what the pixel shows: brightness rises with height above the base."""
    footage = two_styles()[:1]
    batch = draw_batch(footage, np.random.default_rng(3), 16, 2, 32, 1, torch.device("cpu"))
    height = batch.claim.placement.base[:, 1, None] - torch.arange(32) - 0.5
    shown = (batch.clips[:, 0, :, 5, 0] + 1) / 2 * 63 + 0.5
    assert torch.allclose(shown, height, atol=0.5)
    assert len(batch.claim.placement.base[:, 1].unique()) > 4


def test_a_mirrored_crop_lies_where_the_mirrored_picture_has_it() -> None:
    """Pixels get brighter from left to right: mirrored ones tell how far from the right edge they were."""
    picture = np.zeros((1, 8, 32, 64, 4), np.uint8)
    picture[..., :3] = 4 * np.arange(64, dtype=np.uint8)[:, None]
    style = Style("ramp", anchored=("x", "y"))
    footage = Footage(style, {32: picture}, np.zeros((1, 0), np.float32), mirror=True, filmed=True)
    crops = draw_crops([footage], np.random.default_rng(0), 16, 3, 32, 1)
    assert len({crop.mirrored for crop in crops}) == 2
    batch = read_crops([footage], crops, 3, 32, 1, torch.device("cpu"))
    place = torch.arange(32) + 0.5 - batch.claim.placement.base[:, 0, None]  # from the middle, to the right
    brightness = (batch.clips[:, 0, 5, :, 0] + 1) * 127.5 / 4 + 0.5 - 32
    side = torch.tensor([-1.0 if crop.mirrored else 1.0 for crop in crops])[:, None]
    assert torch.allclose(brightness, side * place, atol=0.01)
    assert batch.claim.still[..., :3].std() < 1e-5, "what always stands there is the same from left and right"


def test_opaque_styles_are_opaque_and_whole_periods_wrap_in_both_members() -> None:
    footage = two_styles()
    batch = draw_batch(footage, np.random.default_rng(3), 32, 2, 32, 1, torch.device("cpu"))
    flat = batch.claim.style == 1
    assert 0 < flat.sum() < 32
    assert (batch.clips[flat][..., 3] == 1).all()
    assert (batch.clips[~flat][..., 3] < 1).any()
    assert (batch.period_x[flat] == 32).all()
    assert (batch.period_y[flat] == 32).all()
    assert (batch.period_x[~flat] == 0).all()  # 48 wide, a crop of 32
    run = trainer()
    fake = run.generate(run.generator, torch.arange(32), batch, [0.5, 1.5], (0, 0))
    assert fake.shape == batch.clips.shape
    assert (fake[flat][..., 3] == 1).all()


def test_clips_whose_lattices_move_differently_are_drawn_as_if_alone() -> None:
    """Elements of 32 and 64 pixels rise by one and two cells a knot; each clip keeps its place in the batch."""
    run = Trainer(CONFIG, replace(TINY, drift=((0.0, 0.0625), (0.03, 0.0625))), two_styles())
    batch = draw_batch(run.footage, np.random.default_rng(5), 6, 2, 32, 1, torch.device("cpu"))
    assert batch.claim.placement.height.unique().tolist() == [32, 64]
    seeds, instants = torch.arange(6), [0.5, 4.0]
    together = run.generate(run.generator, seeds, batch, instants, (0, 0))
    for i in range(6):
        only = slice(i, i + 1)
        place, claim = batch.claim.placement, batch.claim
        own = replace(
            place,
            base=place.base[only],
            height=place.height[only],
            anchored=place.anchored[only],
            style=place.style[only],
        )
        one = replace(
            batch,
            clips=batch.clips[only],
            claim=replace(claim, controls=claim.controls[only], placement=own),
            period_x=batch.period_x[only],
            period_y=batch.period_y[only],
        )
        alone = run.generate(run.generator, seeds[only], one, instants, (0, 0))
        torch.testing.assert_close(alone[0], together[i], atol=1e-4, rtol=1e-4)


def test_instants_of_a_lattice_that_moves_lie_on_whole_pixels() -> None:
    run = Trainer(CONFIG, replace(TINY, drift=((0.0, 0.0625), (0.03, 0.0625))), two_styles())
    for seed in range(20):
        instants, _ = draw_window(np.random.default_rng(seed), run.generator.architecture, 3, 1.0)
        assert all((instant * TINY.speed).is_integer() for instant in instants)


def test_a_fixed_cameras_clips_are_seen_as_what_moves_in_units_of_its_size() -> None:
    """However bright the scene and faint the motion, the discriminator is shown the same."""
    rng = np.random.default_rng(0)
    motion = rng.normal(0, 1, (2, 40, 32, 32, 4))

    def seen(scene: float, contrast: float) -> torch.Tensor:
        film = np.clip(np.rint(scene + contrast * motion), 0, 255).astype(np.uint8)
        footage = [
            Footage(
                Style("pot", anchored=("x", "y"), alpha=True), {32: film}, np.zeros((2, 0), np.float32), filmed=True
            )
        ]
        batch = draw_batch(footage, np.random.default_rng(1), 8, 3, 32, 1, torch.device("cpu"))
        return batch.claim.deviation(batch.clips)

    bright, faint = seen(140, 20), seen(60, 10)
    assert torch.allclose(bright, faint, atol=0.15)
    assert bright.std().item() == pytest.approx(0.5, abs=0.05)
    free = draw_batch(two_styles(), np.random.default_rng(1), 8, 3, 32, 1, torch.device("cpu"))
    assert torch.equal(free.claim.deviation(free.clips), free.clips)


def test_a_step_moves_both_networks_and_the_average_lags() -> None:
    run = trainer()
    before = [p.detach().clone() for network in (run.generator, run.discriminator) for p in network.parameters()]
    for _ in range(4):
        losses = run.step()
    after = [p for network in (run.generator, run.discriminator) for p in network.parameters()]
    moved = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert sum(moved) > 0.95 * len(moved)
    assert all(np.isfinite(v) for v in losses.values())
    start, now = before[0], run.generator.style
    mean = run.average.style
    assert 0 < (mean - start).norm() < (now - start).norm() * 1.5
    assert not torch.equal(mean, now)


def _lights() -> list[Footage]:
    """Flat pictures as bright as a control says; another one does nothing."""
    levels = np.linspace(0, 1, 6, dtype=np.float32)
    film = np.broadcast_to((levels * 255).astype(np.uint8)[:, None, None, None, None], (6, 8, 32, 32, 4))
    style = Style("flat", controls=(Control("light"), Control("idle")))
    return [Footage(style, {32: film}, np.stack([levels, levels * 0], 1))]


def test_true_claims_are_told_from_false_ones() -> None:
    """Before a generator that shows none of it."""
    run = Trainer(replace(CONFIG, rate=2e-3, alone=1000), replace(TINY, styles=1, controls=2), _lights())
    losses = [run.step()["claims"] for _ in range(80)]
    # One of two controls is all that can be told; a sixth of the other clips is the clip itself.
    assert losses[0] == pytest.approx(np.log(2), abs=0.05)
    assert np.mean(losses[-20:]) < 0.9 * np.log(2)


def test_what_a_clip_shows_of_its_controls_teaches_the_generator_alone() -> None:
    runs = [Trainer(replace(CONFIG, shows=s), replace(TINY, styles=1, controls=2), _lights()) for s in (0.0, 1.0)]
    losses = [run.step() for run in runs]
    assert [("shown" in found) for found in losses] == [False, True]
    same = [
        [torch.equal(a, b) for a, b in zip(*(getattr(r, name).parameters() for r in runs), strict=True)]
        for name in ("discriminator", "generator")
    ]
    assert all(same[0])
    assert not all(same[1])


def test_nothing_is_claimed_without_controls() -> None:
    flat = two_styles()[1:]
    assert "claims" not in Trainer(CONFIG, replace(TINY, styles=1, controls=0), flat).step()


def test_an_interrupted_run_goes_on_to_the_bit(tmp_path: Path) -> None:
    config = replace(CONFIG, augment=0.9, augment_lead=-1, augment_clips=40)  # augmentation is part of the state
    whole = trainer(config)
    curve = [whole.step() for _ in range(6)]
    assert whole.augment > 0.4
    first = trainer(config)
    for _ in range(3):
        first.step()
    save_state(tmp_path / "state.pt", first.state())
    second = trainer(config)
    torch.manual_seed(12345)  # whatever happened to the global random state in between
    state = load_state(tmp_path / "state.pt")
    assert state is not None
    second.load_state(state)
    assert [second.step() for _ in range(3)] == curve[3:]
    for a, b in zip(whole.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(a, b)


def test_augmentation_follows_how_far_the_discriminator_is_ahead() -> None:
    run = trainer(replace(CONFIG, augment=0.3, augment_clips=40))
    run.leads.of = [1.0, 1.0]
    probabilities = [run.step()["augment"] for _ in range(5)]
    assert probabilities == pytest.approx([0.1, 0.2, 0.3, 0.3, 0.3])
    run.leads.of = [-1.0, -1.0]
    assert [run.step()["augment"] for _ in range(4)] == pytest.approx([0.2, 0.1, 0, 0])


def test_not_a_number_stops_before_anything_is_updated() -> None:
    run = trainer()
    with torch.no_grad():
        run.discriminator.score.bias.fill_(float("nan"))
    before = [p.detach().clone() for p in run.generator.parameters()]
    with pytest.raises(NotFiniteError):
        run.step()
    assert all(torch.equal(a, b) for a, b in zip(before, run.generator.parameters(), strict=True))


def test_after_a_loss_that_was_no_number_it_goes_on_from_a_state_as_if_there_had_been_none(tmp_path: Path) -> None:
    """Here the generator's, which an update of the discriminator that overflowed makes so."""
    run = trainer()
    run.step()
    save_state(tmp_path, run.state())
    expected = run.step()

    def go_back() -> None:
        state = load_state(tmp_path)
        assert state is not None
        run.load_state(state)

    go_back()
    real, broken = run._update, [False]

    def overflow(optimiser: torch.optim.Optimizer, *rest: Any) -> dict[str, float]:
        losses = real(optimiser, *rest)
        if optimiser is run.discriminator_optimiser and not broken[0]:
            broken[0] = True
            with torch.no_grad():
                run.discriminator.score.bias.fill_(float("nan"))
        return losses

    run._update = overflow  # type: ignore[assignment,method-assign]
    with pytest.raises(NotFiniteError):
        run.step()
    go_back()
    assert run.step() == expected


def test_a_few_steps_give_what_they_gave_before() -> None:
    """Losses and weights against the record; it notices a rate that is 1 % greater."""
    from tests.training import golden  # it uses what is above

    record = json.loads(golden.RECORD.read_text())
    assert record.keys() == golden.configurations().keys()

    def close(found: list[dict[str, float]], name: str) -> bool:
        pairs = zip(found, record[name], strict=True)
        return all(f == pytest.approx(r, rel=golden.TOLERANCE, abs=1e-6) for f, r in pairs)

    for name, config in golden.configurations().items():
        assert close(golden.measure(config), name), (
            f"{name}: if the loop was changed on purpose, see tests/training/golden.py"
        )
    assert not close(golden.measure(replace(CONFIG, rate=1.01 * CONFIG.rate)), CONFIG.objective)


def test_half_precision_stays_near_full_precision_and_weights_stay_full() -> None:
    """bfloat16 has 8 bits: losses agree to a few hundredths while the curves are together."""
    full, half = trainer(), trainer(replace(CONFIG, half=True))
    for step in range(4):
        expected, found = full.step(), half.step()
        assert np.isfinite(list(found.values())).all()
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=0.1, abs=0.05), (step, name)
    for network in (half.generator, half.average, half.discriminator):
        assert all(p.dtype == torch.float32 for p in network.parameters())
    assert not torch.equal(half.generator.style, full.generator.style)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["relativistic", "nonsaturating"])
def test_it_learns_the_colours_of_two_styles(objective: str) -> None:
    """In a few small steps the averaged generator tells a grey plate from a ramp."""
    run = trainer(
        replace(CONFIG, objective=objective, rate=3e-3, rate_end=1e-3, gamma=1.0, gamma_end=0.5, ema_half_life=50)
    )
    batch = draw_batch(run.footage, np.random.default_rng(9), 24, 3, 32, 1, torch.device("cpu"))

    def distance() -> float:
        with torch.no_grad():
            drawn = run.generate(run.average, torch.arange(24), batch, [0.5, 1.5, 2.5], (0, 0))
        return (drawn.mean(1) - batch.clips.mean(1)).abs().mean().item()

    start = distance()
    for _ in range(60):
        run.step()
    assert distance() < 0.7 * start


def test_the_generator_rests_while_the_discriminator_does_not_lead() -> None:
    run = trainer(replace(CONFIG, least_lead=0.3))
    before = [p.clone() for p in run.generator.parameters()]
    assert "generator" not in run.step()
    assert all(torch.equal(a, b) for a, b in zip(before, run.generator.parameters(), strict=True))
    run.leads.of = [0.9, 0.9]
    assert "generator" in run.step()
    assert not all(torch.equal(a, b) for a, b in zip(before, run.generator.parameters(), strict=True))


def test_the_generators_pace_is_a_share_of_the_discriminators() -> None:
    run = trainer(replace(CONFIG, pace=0.25))
    run.step()
    rates = [o.param_groups[0]["lr"] for o in (run.generator_optimiser, run.discriminator_optimiser)]
    assert rates[0] == pytest.approx(0.25 * rates[1])


def test_more_of_the_models_time_may_pass_than_of_the_footages() -> None:
    class Watched(Trainer):
        def generate(
            self,
            network: Generator,
            seeds: torch.Tensor,
            real: Batch,
            instants: Sequence[float],
            offset: tuple[int, int],
        ) -> torch.Tensor:
            steps.append(np.diff(instants) / real.claim.stride)
            return super().generate(network, seeds, real, instants, offset)

    steps: list[Any] = []
    run = Watched(replace(CONFIG, tempo=1.5), TINY, two_styles())
    for _ in range(3):
        run.step()
    assert np.concatenate(steps) == pytest.approx(1.5)


def test_taller_elements_are_shown_more_often() -> None:
    bands = two_styles()[0]
    tall = np.zeros((3, 12, 128, 96, 4), np.uint8)
    footage = [replace(bands, scales={**bands.scales, 128: tall})]
    crops = draw_crops(footage, np.random.default_rng(0), 600, 2, 32, 1)
    share = sum(crop.height == 128 for crop in crops) / len(crops)
    assert share == pytest.approx(2 / 3, abs=0.06)
