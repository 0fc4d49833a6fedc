# SPDX-License-Identifier: GPL-3.0-or-later
"""A line of text sets what its words say, tells what each word did, and leaves nothing unsaid."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aigc_blender import lexicon
from aigc_blender.card import Control, Style
from aigc_blender.describe import Described, describe
from aigc_blender.library import find_models
from training.footage.procedural import ELEMENTS

BUNDLED = tuple(style for model in find_models()[0] for style in model.card.styles)
RENDERED = tuple(Style(e.name, controls=e.controls, words=e.words) for e in ELEMENTS.values())
CARDS = (BUNDLED, RENDERED)
ENDS = [
    (styles, style, control, word, high)
    for styles in CARDS
    for style in styles
    for control in style.controls
    for high, words in ((False, control.low), (True, control.high))
    for word in words
]
NAMES = {style.name: style for style in RENDERED}


def read(text: str, current: str | None = None, speed: float | None = 1.0, **values: float) -> Described:
    """A text read beside the project's own elements."""
    return describe(text, RENDERED, NAMES[current] if current else None, values, speed)


def test_every_word_of_a_slider_moves_it_its_way_and_no_other() -> None:
    assert len(ENDS) > 200
    for styles, style, control, word, high in ENDS:
        for text, current in (
            (f"{word} {style.words[0]}", None),
            (word, style),
            (f"a {word}, {style.name}", styles[0]),
        ):
            found = describe(text, styles, current)
            assert found.style is style, (text, found)
            assert found.values.keys() == {control.name}, (text, found)
            moved = found.values[control.name] - control.default
            assert moved > 0 if high else moved < 0, (text, found)
            assert word in " ".join(effect.words for effect in found.effects)


def test_degrees_keep_their_order() -> None:
    for styles, style, control, word, high in ENDS:
        if word in lexicon.HUES:
            continue
        texts = ("slightly {}", "{}", "very {}", "extremely {}")
        reached = [describe(t.format(word), styles, style).values[control.name] for t in texts]
        assert reached == sorted(reached, reverse=not high), (word, reached)
        assert reached[-1] == float(high)
        against = describe(f"not {word}", styles, style).values[control.name]
        assert against < control.default if high else against > control.default


def test_every_word_of_a_style_picks_it() -> None:
    for styles in CARDS:
        for style in styles:
            for word in (style.name, *style.words):
                assert describe(word, styles, style).style is style
                others = [s for s in styles if word in (s.name, *s.words)]
                found = describe(f"some {word} please", styles)
                assert found.style in others
                assert bool(found.unread) == (len(others) > 1)  # it says which else it may have been
                assert all(o.name in str(found.unread) for o in others if o is not found.style)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    found = read(text, "fire")
    assert all(0 <= value <= 1 for value in found.values.values())
    assert found.style is not None


WORDS = sorted({w for _, _, _, word, _ in ENDS for w in word.split()} | lexicon.DEGREES.keys() | lexicon.SPEEDS.keys())
BITS = st.sampled_from(
    [*WORDS, "no", "not", "more", "less", "most", "height", "speed", "80%", "0.3", ",", "of", "xyzzy"]
)


@example(["no", "ember"], "smoke")
@example(["no", "time lapse"], None)
@given(st.lists(BITS, max_size=8), st.sampled_from([None, *NAMES]))
def test_no_word_is_left_unsaid(bits: list[str], current: str | None) -> None:
    """Each is a word of an effect, or is told not to be understood, or says nothing in any sentence, or what is not there anyway."""
    found = read(" ".join(bits), current)
    told = " ".join([*(e.words for e in found.effects), *(u.words for u in found.unread)])
    silent = {*lexicon.FILLERS, "no", "not", ","}
    if {"no", "not"} & set(bits):  # of smoke, "no ember" is true as it is
        names = {
            word
            for style in RENDERED
            if style is not found.style
            for name in (style.name, *style.words)
            for word in re.findall(r"\w+", name)
        }
        silent |= names | {word.removesuffix("s") for word in names}
    for bit in bits:
        for word in re.findall(r"\w+", bit):
            assert word in told or word in silent, (bits, found)


@pytest.mark.parametrize(
    ("text", "current", "style", "values"),
    [
        ("tall slow blue fire, dense", None, "fire", {"height": 0.88, "temperature": 1.0, "density": 0.85}),
        ("a torch with a very calm yellow flame", "fire", "torch", {"turbulence": 0.05, "temperature": 0.38}),
        ("height 0.8, 80% dense", "fire", "fire", {"height": 0.8, "density": 0.8}),
        ("density 80 height: 30 %", "fire", "fire", {"height": 0.3, "density": 0.8}),
        ("20% calm", "fire", "fire", {"turbulence": 0.8}),
        ("low turbulence and high density", "fire", "fire", {"turbulence": 0.15, "density": 0.85}),
        ("turbulence is low", "fire", "fire", {"turbulence": 0.15}),
        ("half dense", "fire", "fire", {"density": 0.5}),
        ("half density", "fire", "fire", {"density": 0.5}),
        ("as tall as possible, as small as possible", "fire", "fire", {"height": 0.0}),
        ("a fire as dense as possible and as calm as possible", None, "fire", {"density": 1.0, "turbulence": 0.0}),
        ("fire as blue as possible", None, "fire", {"temperature": 1.0}),
        ("not as tall as possible", "fire", "fire", {"height": 0.48}),  # less than without the words that follow
        ("as much density as possible", "fire", "fire", {"density": 1.0}),
        ("turbulence as low as possible", "fire", "fire", {"turbulence": 0.0}),
        ("the tallest fire, least dense", "fire", "fire", {"height": 1.0, "density": 0.0}),
        ("snow without wind", None, "snow", {"wind": 0.0}),
        ("no wind", "torch", "torch", {"wind": 0.5}),  # it blows left at 0
        ("fire without smoke", "smoke", "fire", {}),
        ("shower of embers", "rain", "embers", {"density": 0.85}),
        ("shower", "fire", "rain", {}),
        ("huge stormy ocean", None, "ocean", {"scale": 0.85, "roughness": 0.85}),
        ("blue aurora", None, "aurora", {"hue": 0.71}),
        ("violet nebula", None, "nebula", {"hue": 0.55}),
        ("white torch", None, "torch", {"temperature": 0.7}),
        ("green ink", None, "ink", {}),  # its colours go from blue by violet to red
        ("slow embers", None, "embers", {"speed": 0.15}),
        ("inferno", "snow", "fire", {}),
    ],
)
def test_sentences(text: str, current: str | None, style: str, values: dict[str, float]) -> None:
    found = read(text, current)
    assert found.style is NAMES[style], found
    assert dict(found.values) == pytest.approx(values), found


def test_as_possible_belongs_to_the_word_before_it() -> None:
    found = read("a fire as tall as possible, as small as possible")
    assert [(e.words, e.what) for e in found.effects] == [("fire", "fire"), ("small as possible", "height 0")]
    assert [(u.words, u.why) for u in found.unread] == [("tall as possible", "small has the last word")]
    found = read("as dense as possible and as fast as possible", "fire")
    assert [(e.words, e.what) for e in found.effects] == [
        ("dense as possible", "density 1"),
        ("fast as possible", "speed 4"),
    ]
    assert not found.unread
    assert [u.words for u in read("tall, as possible", "fire").unread] == ["as possible"]


def test_comparatives_go_on_from_where_a_slider_stands() -> None:
    assert read("taller", "fire", height=0.3).values["height"] == pytest.approx(0.55)
    assert read("much shorter", "fire", height=0.9).values["height"] < 0.65
    assert read("a bit taller", "fire", height=0.3).values["height"] == pytest.approx(0.41)
    assert read("less turbulence, more density", "fire", turbulence=0.5, density=0.9).values == {
        "turbulence": 0.25,
        "density": 1.0,
    }
    assert read("bluer", "aurora", hue=0.0).values["hue"] == pytest.approx(0.25)
    assert read("taller torch", "fire", height=0.1).values["height"] == pytest.approx(0.75)  # another style's slider


def test_speed_only_where_it_can_be_set() -> None:
    for text, speed in (
        ("slow fire", 0.5),
        ("very fast", 4.0),
        ("as slow as possible", 0.25),
        ("frozen", 0.0),
        ("less frozen", 1.0),
        ("more frozen", 0.0),
        ("speed 150%", 1.5),
        ("2x speed", 2.0),
    ):
        assert read(text, "fire").speed == pytest.approx(speed)
        blind = read(text, "fire", speed=None)
        assert blind.speed is None
        assert blind.unread
    assert read("faster", "fire", speed=2.0).speed == pytest.approx(2 * 2**0.5, abs=1e-3)
    assert read("slow lava", None).speed is None  # it has a slider for that


def test_misspelt_words_are_told_as_guesses() -> None:
    found = read("turbulant fier, desne", "snow")
    assert found.style is NAMES["fire"]
    assert {e.words: e.guess for e in found.effects} == {"turbulant": "turbulent", "fier": "fire", "desne": "dense"}
    assert not read("tall fire", "snow").effects[0].guess


def test_what_is_not_understood_says_why() -> None:
    why = {u.words: u.why for u in read("green purple-spotted ink over smoke, jagged", "fire").unread}
    assert why == {
        "green": "hue goes from blue to red",
        "spotted": "",
        "smoke": "smoke is a style of its own",
        "jagged": "a word of energy",
    }
    assert [u.why for u in read("150% dense", "fire").unread] == ["a number from 0 to 1, or up to 100%"]
    assert [(u.words, u.why) for u in read("tall low", "fire").unread] == [("tall", "low has the last word")]
    wide = Style("a", controls=(Control("height", low=("low",), high=("tall",)), Control("size", high=("big",))))
    assert [(u.words, u.why) for u in describe("giant", (wide,), wide).unread] == [("giant", "height or size?")]
    assert describe("xyzzy", RENDERED).style is None
    assert [u.words for u in describe("an xyzzy", RENDERED).unread] == ["xyzzy"]
