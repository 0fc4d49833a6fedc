# SPDX-License-Identifier: GPL-3.0-or-later
"""From films and a model file to a page that stands alone and shows everything."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch
from PIL import Image

from aigc_blender.card import Card, Control, Rights, Style, read_model_file
from aigc_blender.generator.checkpoint import save_model
from aigc_blender.generator.network import Generator
from tests.models import TINY
from tests.training.footage.films import ripples, write_video
from training.__main__ import main
from training.page.charts import Series, chart
from training.page.document import write_page
from training.page.media import mosaic, over
from training.reference import Protocol

EMPTY = {"meta", "img", "br"}


class Page(HTMLParser):
    """What a page holds; closing tags must match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def small_model(folder: Path, trained_on: Path) -> Path:
    torch.manual_seed(0)
    controls = (Control("density", 0.5, low=("thin",), high=("thick & <dense>",)), Control("mood"))
    style = Style("camp_fire", anchored=("y",), native_height=32, max_height=32, alpha=True, controls=controls)
    network = Generator(replace(TINY, styles=1, controls=2))
    digest = hashlib.sha256(trained_on.read_bytes()).hexdigest()
    rights = Rights("ours <all> & nobody else's", ("a.mkv",), (digest,))
    path = folder / "fire.safetensors"
    save_model(
        path, Card("Fire & <Smoke>", (style,), TINY.to_dict() | network.architecture.to_dict(), rights=rights), network
    )
    return path


@pytest.mark.slow
def test_films_and_a_model_become_a_page_that_stands_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    films = [write_video(tmp_path / f"{n}.mkv", ripples(40, 36, 48, seed=i)[..., :3]) for i, n in enumerate("ab")]
    model = small_model(tmp_path, films[0])
    page, numbers = tmp_path / "new" / "page.html", tmp_path / "numbers.json"
    arguments = ["evaluate", str(model), *map(str, films), "--clips", "4", "--crop", "none"]
    assert main([*arguments, "--cache", str(tmp_path / "cache"), "--page", str(page), "--json", str(numbers)]) == 0
    said = capsys.readouterr().out
    assert "a.mkv: in the training set." in said
    assert "b.mkv: held out." in said
    stored = json.loads(numbers.read_text())
    assert [file["role"] for file in stored["files"]] == ["in the training set", "held out"]
    assert 0 <= stored["styles"]["camp_fire"]["memory"]["share"] <= 1

    text = page.read_text(encoding="utf-8")
    assert len(text) < 8 * 2**20
    found = Page(text)
    assert "script" not in found.tags
    assert "url(" not in text
    assert "@import" not in text
    assert all(link.startswith("data:image/webp;base64,") for link in found.links)
    pictures = [Image.open(BytesIO(base64.b64decode(link.partition(",")[2]))) for link in found.links]
    # Real and generated clips and the loop move; the sheet, a tiled frame, two sliders and nearest pairs do not.
    assert sum(getattr(picture, "n_frames", 1) > 1 for picture in pictures) == 3
    assert len(pictures) >= 3 + 4 + 2
    words = " ".join(found.words)
    for part in (
        "Fire & <Smoke>",
        "thick & <dense>",
        "ours <all> & nobody",
        "nearer to training footage",
        "held out",
        "the footage has none",
    ):
        assert part in words
    for name, scores in stored["styles"]["camp_fire"]["scores"].items():
        assert name in words
        assert f"{scores['generated']:.3f}" in words
    assert {p.name for p in page.parent.iterdir()} == {"page.html"}


def test_the_page_of_a_model_whose_name_is_not_utf8_is_written(tmp_path: Path) -> None:
    model = read_model_file(small_model(tmp_path, Path(__file__)))
    page = tmp_path / "page.html"
    write_page(page, replace(model, path=Path(os.fsdecode(b"f\xf6n.safetensors"))), [], Protocol())
    assert r"f\udcf6n.safetensors" in page.read_text(encoding="utf-8")


def test_charts_place_values_between_the_axes() -> None:
    points = np.array([[1.0, -3.0], [2.0, 5.0], [32.0, 1.0]])
    band = np.array([[1.0, -4.0, -2.0], [32.0, 0.0, 2.0]])
    svg = chart(
        [Series(band, "real", "band"), Series(points, "made"), Series(points, "real", "dots")], "a<b", "c", octaves=True
    )
    root = ET.fromstring(svg)
    line = next(e for e in root if "line made" in e.get("class", ""))
    places = [tuple(map(float, pair.split(","))) for pair in line.get("points", "").split()]
    xs, ys = zip(*places, strict=True)
    assert list(xs) == sorted(xs)
    assert xs[2] - xs[1] == pytest.approx(4 * (xs[1] - xs[0]), abs=0.3), "octaves are equally wide"
    assert ys[1] < ys[2] < ys[0], "greater is higher"
    width, height = (float(n) for n in root.get("viewBox", "").split()[2:])
    assert all(0 < x < width and 0 < y < height for x, y in places)
    ticks = [e.text for e in root if e.get("class") == "tick"]
    assert {"1", "2", "4", "8", "16", "32", "-4", "0"} <= set(ticks)
    assert chart([Series(np.empty((0, 2)), "real")], "x", "y") == ""
    assert "nan" not in chart([Series(np.ones((3, 2)), "real")], "x", "y")


def test_pictures_lie_in_rows_and_clear_pixels_on_the_background() -> None:
    clips = np.zeros((3, 2, 4, 6, 4), np.uint8)
    clips[..., 3] = 255
    for i in range(3):
        clips[i, ..., 0] = 100 + i
    together = mosaic(clips, 2)
    assert together.shape == (2, 4 + 2 + 4, 6 + 2 + 6, 3)
    assert [together[0, y, x, 0] for y, x in ((0, 0), (0, 8), (6, 0))] == [100, 101, 102]
    half = np.array([[[60, 40, 20, 128]]], np.uint8)
    assert over(half).tolist() == [[[70, 50, 32]]]
