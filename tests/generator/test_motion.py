# SPDX-License-Identifier: GPL-3.0-or-later
"""What speed, pans, blends and the shutter do to pixels: to the bit where it is promised, within bounds elsewhere."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_blender.errors import RecipeError
from aigc_blender.generator.checkpoint import Model, load_model
from aigc_blender.generator.job import Frame
from aigc_blender.generator.pan import AFTER, BEFORE, shifted
from aigc_blender.generator.sampler import Sampler
from aigc_blender.recipe import MAX_FIRST, MAX_PAN, MAX_SPEED, MAX_TIME, MIN_FPS, Recipe, Track
from aigc_blender.sequence.names import MAX_NUMBER
from aigc_blender.transfer import from_light, to_light
from tests.models import TINY, tiny_model

few = settings(max_examples=10)
PLATE = Recipe("caustics", seed=4, width=90, height=60, fps=Fraction(12))
FIRE = Recipe("fire", seed=4, width=60, height=70)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(tiny_model(tmp_path_factory.mktemp("models")))


def draw(model: Model, recipe: Recipe, numbers: list[int], threads: int = 2) -> dict[int, Frame]:
    return {n: frame.copy() for n, frame in Sampler(model, threads=threads).frames(recipe, numbers)}


def one(model: Model, recipe: Recipe, number: int = 0) -> Frame:
    return draw(model, recipe, [number])[number]


# Speed


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_furthest_there_is_can_be_drawn(model: Model, sign: int) -> None:
    far = replace(
        PLATE,
        fps=MIN_FPS,
        speed=Track(sign * MAX_FIRST, (-sign * MAX_SPEED,)),
        time=(Fraction(sign * MAX_TIME), Fraction(0)),
        origin=(sign * int(MAX_PAN), sign * int(MAX_PAN)),
        pan=(sign * MAX_PAN, sign * MAX_PAN),
    )
    assert one(model, far, MAX_NUMBER).any()


@pytest.mark.parametrize("speed", [2.0, 3.0, -1.0])
def test_a_whole_speed_shows_every_so_manieth_frame(model: Model, speed: float) -> None:
    at_one = draw(model, PLATE, [int(speed) * n for n in (0, 1, 7)])
    at_speed = draw(model, replace(PLATE, speed=speed), [0, 1, 7])
    assert all(np.array_equal(at_speed[n], at_one[int(speed) * n]) for n in at_speed)


def test_a_hold_is_a_hold_and_a_ramp_only_changes_when(model: Model) -> None:
    """Speed falls from 2 to 0 within 4 frames and holds: it has covered 4 frames in all."""
    ramp = replace(PLATE, speed=Track(10, (2.0, 1.5, 1.0, 0.5, 0.0, 0.0, 0.0)))
    frames = draw(model, ramp, [10, 14, 15, 16, 50])
    plain = draw(model, PLATE, [10, 14])
    assert np.array_equal(frames[10], plain[10])
    assert all(np.array_equal(frames[n], plain[14]) for n in (14, 15, 16, 50))


@pytest.mark.parametrize(
    ("values", "knots", "stretch"),
    [
        ((0.0,) * 12, 0, 1.0),  # a hold
        ((1.0,) * 6 + (-1.0,) * 6, 0, 1.0),  # there and back
        ((1.0,) * 7 + (-1.0,) * 5, 0, 7 / 6),  # nearly back: closed
        ((2.0,) * 12, 3, 1.0),
        ((-2.0,) * 12, 3, 1.0),
        ((0.0,) * 6 + (2.0,) * 6, 2, 12 / 16),
    ],
)
def test_a_loop_closes_whatever_its_speed(model: Model, values: tuple[float, ...], knots: int, stretch: float) -> None:
    """Twelve frames at the model's own rate; a knot is eight model frames."""
    recipe = replace(PLATE, loop=12, speed=Track(5, values))
    sampler = Sampler(model)
    timeline = sampler._job(recipe).instants.time
    assert timeline.knots == knots
    assert sampler.plan(recipe).stretch == pytest.approx(stretch)
    before, after = timeline.at(Fraction(17) - Fraction(1, 10**9)), timeline.at(17)
    assert abs((before - after + TINY.knot // 2) % max(1, knots * TINY.knot) - TINY.knot // 2) < 1e-6 or knots == 0
    assert knots or abs(before - after) < 1e-6
    frames = draw(model, recipe, [5, 17, 5 - 24])
    assert np.array_equal(frames[5], frames[17])
    assert np.array_equal(frames[5], frames[5 - 24])


# Pan


@few
@given(x=st.integers(-200, 200), y=st.integers(-200, 200), element=st.sampled_from([64, 200]))
def test_a_pan_by_whole_pixels_is_a_crop_of_the_canvas(model: Model, x: int, y: int, element: int) -> None:
    """Content that moves right and up is a window that moves left and down."""
    still = replace(PLATE, element_height=element, origin=(7, -3))
    crop = one(model, replace(still, origin=(7 - x, -3 + y)))
    assert np.array_equal(one(model, replace(still, pan=(float(x), float(y)))), crop)
    track = replace(still, pan=(Track(0, (float(x), 0.3)), Track(-1, (0.7, float(y)))))
    assert np.array_equal(one(model, track), crop)


@few
@given(x=st.floats(-90, 90, width=16), y=st.floats(-90, 90, width=16))
def test_a_crop_of_a_panned_canvas_is_the_region_alone(model: Model, x: float, y: float) -> None:
    large = replace(PLATE, pan=(x, y), element_height=64, width=150, height=140, shutter=0.5, shutter_samples=2)
    small = replace(large, width=50, height=40, origin=(61, 53))
    assert np.array_equal(one(model, large)[53:93, 61:111], one(model, small))


def test_a_slow_pan_is_smooth_and_as_sharp_between_pixels_as_on_them() -> None:
    """A wave of five pixels, which at half a pixel four cubic taps would dim by 5% and two linear ones by 19%."""
    columns = np.arange(-BEFORE, 200 + AFTER)

    def wave(offset: float) -> Frame:
        values = 0.5 + 0.4 * np.sin(2 * np.pi * (columns + offset) * 0.2)
        return np.repeat(values[None, :, None], 4, axis=0).astype(np.float32)

    for step in range(11):
        right = step / 10
        moved = shifted(wave(0), 0.5, right, 4, 200)
        true = wave(right)[:, BEFORE:-AFTER]
        assert moved.std() == pytest.approx(true.std(), rel=0.025)
        assert np.abs(moved - true).max() < 0.015


@pytest.mark.parametrize("turns", [1, -2])
def test_a_pan_by_whole_widths_closes_on_a_tiled_axis(model: Model, turns: int) -> None:
    width, loop = 6 * TINY.cell, 8
    pan = Track(3, tuple(turns * width * n / loop for n in range(loop + 1)))
    recipe = replace(PLATE, width=width, height=48, tile="x", loop=loop, pan=(pan, 0.0), element_height=64)
    frames = draw(model, recipe, [3, 3 + loop])
    assert np.array_equal(frames[3], frames[3 + loop])
    # The shutter looks across the seam as across any frame.
    still = replace(recipe, speed=0.0, shutter=1.0)
    blurred = draw(model, still, [3, 3 + loop // 2])
    half = turns * width // 2
    assert np.allclose(np.roll(blurred[3], half, axis=1), blurred[3 + loop // 2], atol=1e-4)


@pytest.mark.parametrize(
    ("style_b", "pan"), [("", (0.0, 1.0)), ("", (0.0, Track(0, (0.0, 1.0)))), ("caustics", (0.0, 2.0))]
)
def test_what_stands_on_an_axis_is_not_panned_along_it(model: Model, style_b: str, pan: tuple[float, float]) -> None:
    with pytest.raises(RecipeError, match=r"y axis.*pan up"):
        Sampler(model).frames(replace(FIRE, pan=pan, style_b=style_b), [0])


# Blends


def test_the_ends_of_a_blend_of_seeds_are_the_seeds(model: Model) -> None:
    first, second = one(model, PLATE, 3), one(model, replace(PLATE, seed=9), 3)
    blend = replace(PLATE, seed_b=9)
    assert np.array_equal(one(model, replace(blend, seed_blend=0.0), 3), first)
    assert np.array_equal(one(model, replace(blend, seed_blend=1.0), 3), second)
    half = one(model, replace(blend, seed_blend=0.5), 3)
    assert min(np.abs(half - first).mean(), np.abs(half - second).mean()) > 0.01
    swapped = replace(PLATE, seed=9, seed_b=PLATE.seed, seed_blend=0.5)
    assert np.allclose(one(model, swapped, 3), half, atol=1e-5)


def test_a_blend_of_seeds_changes_bit_by_bit(model: Model) -> None:
    frames = [one(model, replace(PLATE, seed_b=9, seed_blend=b / 16), 3) for b in range(17)]
    steps = [float(np.abs(b - a).mean()) for a, b in pairwise(frames)]
    assert max(steps) < 0.35 * float(np.abs(frames[-1] - frames[0]).mean())


def test_the_ends_of_a_blend_of_styles_are_the_styles(model: Model) -> None:
    """Caustics, free and opaque, to fire, which stands on its base: the frame stands there all along."""
    controls = {"height": 0.9, "scale": 0.1}
    blend = Recipe("caustics", seed=4, width=60, height=64, style_b="fire", controls=controls)
    fire = Recipe("fire", seed=4, width=60, height=64, controls={"height": 0.9})
    frames = draw(model, replace(blend, style_blend=1.0), [0, 5])
    assert all(np.array_equal(frame, one(model, fire, n)) for n, frame in frames.items())
    plate = Recipe("caustics", seed=4, width=60, height=64, origin=(0, -64), controls={"scale": 0.1})
    frames = draw(model, blend, [0, 5])
    assert all(np.array_equal(frame, one(model, plate, n)) for n, frame in frames.items())
    half = one(model, replace(blend, style_blend=0.5), 5)
    assert 0.5 <= half[..., 3].min() < 1
    style = Sampler(model).style(blend)
    assert (style.anchored, style.alpha, style.emissive) == (("y",), True, True)
    assert [c.name for c in style.controls] == ["scale", "height"]


def test_time_never_jumps_along_a_blend_of_paces(model: Model) -> None:
    """Caustics move at 12 model frames a second and fire at 24: late in a shot a blend of rates at hand would leap."""
    track = Track(1000, tuple(n / 20 for n in range(21)))
    recipe = Recipe("caustics", fps=Fraction(12), style_b="fire", style_blend=track)
    time = Sampler(model)._job(recipe).instants.time
    steps = [float(time.at(n + 1) - time.at(n)) for n in range(990, 1030)]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (1.0, 2.0)
    assert time.at(1000) == 1000


def test_a_style_of_another_model_is_refused(model: Model) -> None:
    with pytest.raises(RecipeError, match=r"'water'.*fire, caustics"):
        Sampler(model).plan(replace(FIRE, style_b="water"))
    with pytest.raises(RecipeError, match=r"fire \+ caustics.*'depth'.*height, scale"):
        Sampler(model).plan(replace(FIRE, style_b="caustics", controls={"depth": 0.5}))


# Shutter


def test_an_open_shutter_is_the_mean_light_of_instants_about_the_frame(model: Model) -> None:
    """Four instants a quarter of a frame apart are frames at four times the rate, half of them before the frame."""
    fast = replace(FIRE, fps=Fraction(24 * 8), controls={"height": Track(0, tuple(n / 80 for n in range(81)))})
    slow = replace(
        FIRE, shutter=1.0, shutter_samples=4, controls={"height": Track(0, tuple(n / 10 for n in range(11)))}
    )
    parts = [one(model, fast, 24 + k) for k in (-3, -1, 1, 3)]
    light = np.mean([to_light(p[..., :3].astype(np.float64)) for p in parts], axis=0)
    blurred = one(model, slow, 3)
    assert np.abs(blurred[..., :3] - from_light(light)).max() < 1e-4
    assert np.abs(blurred[..., 3] - np.mean([p[..., 3] for p in parts], axis=0)).max() < 1e-4
    assert np.abs(blurred - one(model, FIRE, 3)).max() > 0.01


@few
@given(n=st.integers(0, 30), shutter=st.floats(0.1, 1))
def test_what_holds_still_is_not_blurred(model: Model, n: int, shutter: float) -> None:
    still = replace(PLATE, speed=0.0, pan=(0.3, 0.0))
    assert np.array_equal(one(model, replace(still, shutter=shutter), n), one(model, still, n))


def test_a_blurred_loop_wraps(model: Model) -> None:
    recipe = replace(FIRE, loop=16, fps=Fraction(24), shutter=1.0, shutter_samples=3)
    frames = draw(model, recipe, [0, 16, -16])
    assert np.array_equal(frames[0], frames[16])
    assert np.array_equal(frames[0], frames[-16])


def test_progress_adds_up_to_whole_frames(model: Model) -> None:
    told: list[float] = []
    recipe = replace(FIRE, shutter=0.5, shutter_samples=5, controls={"height": Track(0, (0.0, 0.5, 1.0))})
    list(Sampler(model).frames(recipe, [0, 1, 2, 3], told.append))
    assert sum(told) == pytest.approx(4)


def test_the_plan_counts_samples_and_trunks(model: Model) -> None:
    sampler = Sampler(model)
    moving = Track(0, (0.0, 1.0, 0.0))
    plain = sampler.plan(FIRE).flop
    blurred = sampler.plan(replace(FIRE, shutter=0.5, shutter_samples=16)).flop
    assert 4 * plain < blurred < 16 * plain
    assert sampler.plan(replace(FIRE, shutter=0.5, speed=0.0)).flop < plain
    for change in ({"controls": {"height": moving}}, {"seed_b": 1, "seed_blend": moving}):
        keyed = sampler.plan(replace(FIRE, **change)).flop
        assert keyed > 2 * plain
        both = replace(FIRE, shutter=0.5, shutter_samples=16, **change)
        assert sampler.plan(both).flop == pytest.approx(16 * keyed)
    assert sampler.plan(replace(FIRE, speed=4.0)).flop > 1.5 * plain
