# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame ranges and file names."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_blender.errors import SequenceError
from aigc_blender.sequence.names import MAX_FRAMES, MAX_NUMBER, check_stem, frame_path, parse_frames

PARTS = st.tuples(st.integers(0, 2000), st.integers(0, 50), st.integers(1, 7))


@given(st.lists(PARTS, min_size=1, max_size=5))
def test_a_range_is_the_union_of_its_parts_in_order(parts: list[tuple[int, int, int]]) -> None:
    text = ",".join(f"{first}-{first + length}x{step}" for first, length, step in parts)
    expected = {n for first, length, step in parts for n in range(first, first + length + 1, step)}
    assert parse_frames(text) == tuple(sorted(expected))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("5", (5,)),
        ("0", (0,)),
        ("1-4", (1, 2, 3, 4)),
        ("1-8x3", (1, 4, 7)),
        ("1..4", (1, 2, 3, 4)),
        ("1-8:3", (1, 4, 7)),
        (" 3-3 , 1 ", (1, 3)),
        ("4,2-5", (2, 3, 4, 5)),
        ("0007-0009", (7, 8, 9)),
    ],
)
def test_what_users_and_farms_write(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_frames(text) == numbers


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ",", "1,", "a", "1-", "-1", "-5-5", "1--5", "48-1", "1-8x0", "1.5", "1-4x", "1 4", "½", "٣"),
        *(
            f"0-{MAX_FRAMES}",
            "1-999999999",
            "9" * 40,
            f"{MAX_NUMBER + 1}",
            f"0-{MAX_FRAMES - 1},{MAX_FRAMES}-{MAX_FRAMES}",
        ),
    ],
)
def test_bad_ranges_are_refused_at_once(text: str) -> None:
    with pytest.raises(SequenceError) as caught:
        parse_frames(text)
    assert "\n" not in str(caught.value)


def test_a_reversed_range_is_turned_round_in_the_remedy() -> None:
    with pytest.raises(SequenceError, match="1-48"):
        parse_frames("48-1")


def test_the_file_number_is_the_frame() -> None:
    assert frame_path(Path("d"), "fire", 7, "png") == Path("d/fire.0007.png")
    assert frame_path(Path("d"), "fire", 12345, "exr") == Path("d/fire.12345.exr")
    for number, fmt in ((-1, "png"), (MAX_NUMBER + 1, "png"), (1, "gif")):
        with pytest.raises(SequenceError):
            frame_path(Path("d"), "fire", number, fmt)


@pytest.mark.parametrize("stem", ["", "..", "a/b", "a\\b", ".hidden", "a:", "a\n", "x" * 101, "fire "])
def test_names_that_no_file_can_have(stem: str) -> None:
    with pytest.raises(SequenceError):
        check_stem(stem)


def test_names_in_any_script() -> None:
    assert check_stem("Lagerfeuer ü 火") == "Lagerfeuer ü 火"
