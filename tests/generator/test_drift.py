# SPDX-License-Identifier: GPL-3.0-or-later
"""A lattice that moves: content goes along with it, position does not, and training draws what a user gets."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_blender.generator.architecture import Architecture, architecture_from_dict
from aigc_blender.generator.checkpoint import Model, load_model
from aigc_blender.generator.drift import course
from aigc_blender.generator.field import latent
from aigc_blender.generator.network import Placement, Wrap
from aigc_blender.generator.sampler import Sampler
from aigc_blender.recipe import Recipe, Track, recipe_from_dict
from tests.models import TINY, tiny_model

DRIFT = (-0.03125, 0.0625)  # an element of 128 pixels: 4 pixels a model frame to the left, 8 up


def drifting(folder: Path, fire: tuple[float, float] = DRIFT, caustics: tuple[float, float] = DRIFT) -> Model:
    return load_model(tiny_model(folder, architecture=replace(TINY, drift=(fire, caustics))))


def frames(model: Model, recipe: Recipe, numbers: list[int]) -> dict[int, np.ndarray]:
    return {n: frame.copy() for n, frame in Sampler(model).frames(recipe, numbers)}


def test_it_moves_by_whole_cells_in_proportion_to_the_element() -> None:
    architecture = replace(TINY, drift=(DRIFT, (0.0, 0.0)))
    assert [architecture.flow([0], height) for height in (32, 64, 128, 100)] == [(0, 1), (-1, 2), (-2, 4), (-2, 3)]
    assert architecture.flow([1], 128) == (0, 0)
    assert architecture.flow([0, 1], 128) == (-1, 2)
    assert architecture.speed == 2
    assert architecture_from_dict(architecture.to_dict()) == architecture


@pytest.mark.parametrize("way", [(2.0, 0.0), (0.0, float("nan")), (0.0,)])
def test_what_cannot_be_followed_is_refused(way: tuple[float, ...]) -> None:
    for drift in ([DRIFT, way], [DRIFT]):
        with pytest.raises(ValueError, match="drift"):
            architecture_from_dict({**TINY.to_dict(), "drift": drift})


def test_a_lattice_that_moves_has_no_scenery() -> None:
    with pytest.raises(ValueError, match="scenery"):
        Architecture(styles=1, controls=1, scenery=(8, 8), drift=((0.0, 0.1),))


def test_content_goes_along(tmp_path: Path) -> None:
    """Of two frames, the second is most like the first one moved by what the lattice moves in between."""
    model = drifting(tmp_path)
    recipe = Recipe("caustics", seed=3, width=128, height=128, fps=Fraction(12))  # a model frame a frame
    drawn = frames(model, recipe, [8, 9])
    first, second = (drawn[n][..., :3].mean(-1) for n in (8, 9))

    def unlike(right: int, up: int) -> float:
        return float(np.abs(np.roll(first, (-up, right), (0, 1)) - second)[32:-32, 32:-32].mean())

    moves = {(right, up): unlike(right, up) for right in range(-12, 13, 2) for up in range(-12, 13, 2)}
    assert min(moves, key=lambda move: moves[move]) == (-4, 8)


@pytest.mark.parametrize("shutter", [0.0, 0.5])
def test_a_frame_of_a_keyed_blend_says_all_that_it_takes_to_draw_it(tmp_path: Path, shutter: float) -> None:
    """Also where the blend is at its end for a while, or its key is out of sight; the styles drift in other ways."""
    model = drifting(tmp_path, caustics=(0.0, 0.0))
    for values in ((1.0, 1.0, 1.0, 1.0, 0.5), (0.0, 0.0, 0.0, 0.0, 0.5), (0.5, 0.0, 0.0, 0.0, 0.0)):
        recipe = Recipe(
            "fire", width=64, height=64, style_b="caustics", style_blend=Track(1, values), seed=3, shutter=shutter
        )
        for frame in (1, 3, 9):
            alone = recipe_from_dict({k: v for k, v in recipe.frame_inputs(frame).items() if k != "frame"})
            assert alone.frame_digest(frame, "PNG_8") == recipe.frame_digest(frame, "PNG_8")
            assert np.array_equal(frames(model, recipe, [frame])[frame], frames(model, alone, [frame])[frame])


def test_position_stays(tmp_path: Path) -> None:
    """Without noise, all that is left is where things are: it repeats with the coarsest knots, and does not go along in between."""
    model = drifting(tmp_path, (0.0, 1 / 64))
    with torch.no_grad():
        for gain in model.network.noise_gain:
            gain.zero_()
    recipe = Recipe("fire", seed=3, width=64, height=128)
    drawn = frames(model, recipe, [3, 3 + TINY.knot, 9])
    np.testing.assert_allclose(drawn[3 + TINY.knot], drawn[3], atol=1e-5)
    gone = 6 * 2  # pixels that the lattice has risen by
    along = np.abs(drawn[9][:-gone] - drawn[3][gone:]).mean()
    assert np.abs(drawn[9] - drawn[3]).mean() < 0.4 * along


@pytest.mark.parametrize("height", [64, 128])
def test_training_draws_what_a_user_gets(height: int, tmp_path: Path) -> None:
    model = drifting(tmp_path)
    recipe = Recipe("fire", seed=5, width=64, height=height, controls={"height": 0.3})
    generated = frames(model, recipe, [2, 3, 9])
    seeds = torch.tensor([5])
    style = torch.tensor([0])
    placement = Placement(
        base=torch.zeros(1, 2),
        height=torch.tensor([float(height)]),
        anchored=torch.tensor([[0.0, 1.0]]),
        style=style,
        flow=torch.tensor([model.architecture.flow([0], height)]),
    )
    none = torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        w = model.network.mapping(latent(seeds, TINY.latent), style, torch.tensor([[0.3]]), placement.height)
        cells = (-height // 4, 0), (0, 16)
        clips = model.network(seeds, w, [2.0, 3.0, 9.0], *cells, Wrap(none, none, none), placement)
    clip = (clips[0] * 0.5 + 0.5).clamp(0, 1).numpy()
    for frame, number in zip(clip, generated, strict=True):
        np.testing.assert_allclose(frame, generated[number], atol=1e-4)


def test_a_course_holds_every_frame_and_no_more() -> None:
    way = course((10, 14), [0, 6, -5], 4)
    assert way.offsets == (0, 2, 3)
    assert [way.span[0] + start for start in way.starts] == [10, 11, 8]
    assert way.cells == 5
    assert way.span == (8, 16)


def test_a_blend_goes_the_way_between_its_styles_and_a_pure_style_its_own(tmp_path: Path) -> None:
    model = drifting(tmp_path, fire=(0.0, 0.0), caustics=(0.0625, 0.0))
    plain = Recipe("caustics", seed=3, width=128, height=128)
    flows = [Sampler(model)._job(replace(plain, style_b="fire", style_blend=share)).flow for share in (0.0, 0.3, 1.0)]
    assert flows == [(4, 0), (2, 0), (0, 0)]


def test_only_what_stands_between_two_pixels_is_drawn_wider(tmp_path: Path) -> None:
    """At a model frame a frame, frames drift by whole pixels; at other rates, in slow motion or under a shutter they do not."""
    sampler = Sampler(drifting(tmp_path))
    plain = Recipe("fire", width=64, height=64)
    others = [
        replace(plain, fps=Fraction(25)),
        replace(plain, speed=0.3),
        replace(plain, speed=Track(0, (1.0, 2.0))),
        replace(plain, shutter=0.5),
    ]
    assert sampler._job(plain).window == (64, 64)
    assert sampler._job(replace(plain, loop=24)).window == (64, 64)
    assert all(sampler._job(other).window == (69, 69) for other in others)


def test_an_element_that_drifts_costs_little_more(tmp_path: Path) -> None:
    still = Sampler(load_model(tiny_model(tmp_path, name="still")))
    recipe = Recipe("fire", width=512, height=128)
    assert Sampler(drifting(tmp_path, (0.0, 1 / 64))).plan(recipe).flop < 1.4 * still.plan(recipe).flop
