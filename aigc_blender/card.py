# SPDX-License-Identifier: GPL-3.0-or-later
"""The model card: what a model can draw, who made it and what may be done with it.

The card travels as JSON in the metadata of the model's ``.safetensors`` file, so it can be read
with the standard library alone: Blender lists models without torch.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .errors import ModelError

MAX_FILE_BYTES = 64 * 2**20
MAX_HEADER_BYTES = 4 * 2**20
MAX_JSON_DEPTH = 12
THUMBNAIL_SIZE = 128  # pixels a side, raw RGB, base64 in the card
MAX_STYLES = 60  # so many thumbnails leave room for words in the header
UNKNOWN_RIGHTS = "unknown: ask before commercial use"
MAX_GLOW = 1000  # a half float ends at 65504
AXES = ("x", "y")
TRANSFERS = ("sRGB",)
CHANNELS = ("RGB", "RGBA")

_NAME = re.compile(r"[a-z0-9_-]{1,32}")
# C0/C1 controls but for newline, and the marks that reorder text on a screen.
_UNSAFE_TEXT = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Control:
    """A named number in 0..1 that the model was conditioned on.

    ``low`` and ``high`` are words for its two ends, as a person would type them.
    """

    name: str
    default: float = 0.5
    low: tuple[str, ...] = ()
    high: tuple[str, ...] = ()


@dataclass(frozen=True)
class Style:
    """A class that the model was conditioned on.

    ``anchored`` lists the axes on which position matters: ``y`` is measured up from the frame's
    bottom edge, ``x`` from its middle. ``fps`` is model frames per second; heights are in pixels.
    ``aspect`` is the width that was seen over the height, where x is anchored: beyond it what has alpha fades,
    and of what fills the frame the edge goes on; 0 where there is no such limit. ``glow`` is the scene-linear light that
    white stands for: 1 for what is lit, more for what shines.
    """

    name: str
    anchored: tuple[str, ...] = ()
    fps: float = 24.0
    native_height: int = 64
    max_height: int = 64
    alpha: bool = False
    emissive: bool = False
    glow: float = 1.0
    aspect: float = 0.0
    controls: tuple[Control, ...] = ()
    words: tuple[str, ...] = ()
    thumbnail: str = ""

    def control(self, name: str) -> Control | None:
        """The control of that name, or None."""
        return next((c for c in self.controls if c.name == name), None)

    @property
    def outshines_display(self) -> bool:
        """Whether a file of what a display shows, as PNG is, loses some of its light."""
        return self.emissive and (self.alpha or self.glow > 1)

    def glow_beside(self, other: Style, share: float) -> float:
        """The glow of a blend in which the other style has a share in 0..1: as many stops between the two."""
        return float(self.glow ** (1 - share) * other.glow**share)

    def blended(self, other: Style) -> Style:
        """What a blend with another style of the model is like: anchored, transparent and glowing where either is."""
        native = max(self.native_height, other.native_height)
        return replace(
            self,
            name=f"{self.name} + {other.name}",
            anchored=tuple(axis for axis in AXES if axis in self.anchored + other.anchored),
            native_height=native,
            max_height=max(native, min(self.max_height, other.max_height)),
            alpha=self.alpha or other.alpha,
            emissive=self.emissive or other.emissive,
            glow=max(self.glow, other.glow),
            aspect=min(self.aspect or other.aspect, other.aspect or self.aspect),
            controls=self.controls + tuple(c for c in other.controls if not self.control(c.name)),
        )


@dataclass(frozen=True)
class Rights:
    """Where the training footage came from and what that permits."""

    statement: str = UNKNOWN_RIGHTS
    sources: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """Everything that is known of a model besides its weights."""

    name: str
    styles: tuple[Style, ...]
    architecture: dict[str, Any]
    version: str = "0.1.0"
    author: str = ""
    licence: str = ""
    rights: Rights = field(default_factory=Rights)
    channels: str = "RGBA"
    transfer: str = "sRGB"
    generator: int = 1
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    def style(self, name: str) -> Style | None:
        """The style of that name, or None."""
        return next((s for s in self.styles if s.name == name), None)

    def to_json(self) -> str:
        """The card as compact JSON text."""
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class ModelFile:
    """A model on disk: its place, the SHA-256 of its bytes (hexadecimal) and its card."""

    path: Path
    digest: str
    card: Card

    def describe(self) -> dict[str, Any]:
        """What a list of models tells, JSON-ready: all of the card but thumbnails and technicalities."""
        card = asdict(self.card)
        styles = [{key: value for key, value in style.items() if key != "thumbnail"} for style in card["styles"]]
        chosen = {key: card[key] for key in ("name", "version", "author", "licence", "rights")}
        return {**chosen, "path": str(self.path), "digest": self.digest, "styles": styles}


def card_from_json(text: str, source: str) -> Card:
    """Parse and check a card; ``source`` names its file in errors.

    Raises:
        ModelError: what is wrong with which field.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{source}: its card is not JSON ({error}); take another copy of the file.") from None
    if _depth(raw) > MAX_JSON_DEPTH:
        raise ModelError(f"{source}: its card is nested too deeply; take another copy of the file.")
    try:
        card = _build(raw)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(f"{source}: its card is not valid ({error}); take another copy of the file.") from None
    return card


def parse_header(data: bytes, source: str) -> tuple[dict[str, Any], Card]:
    """The tensor table and the card of a ``.safetensors`` file's first bytes.

    Raises:
        ModelError: the bytes are no model file.
    """
    remedy = "choose a model file made by this add-on or take another copy of it"
    if len(data) < 8:
        raise ModelError(f"{source}: truncated, it has only {len(data)} bytes; {remedy}.")
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= MAX_HEADER_BYTES:
        raise ModelError(f"{source}: not a safetensors file; {remedy}.")
    if len(data) < 8 + length:
        raise ModelError(f"{source}: truncated within its header; {remedy}.")
    try:
        header = json.loads(data[8 : 8 + length].decode())
    except (ValueError, RecursionError):
        raise ModelError(f"{source}: its header is not JSON; {remedy}.") from None
    metadata = header.pop("__metadata__", None) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("aigc_card"), str):
        raise ModelError(f"{source}: a safetensors file without a model card; {remedy}.")
    return header, card_from_json(metadata["aigc_card"], source)


def read_model_bytes(path: Path) -> bytes:
    """The whole file, within the size limit.

    Raises:
        ModelError: it cannot be read or is too large.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB, which no model of this add-on is.")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions.") from None


def read_model_file(path: Path) -> ModelFile:
    """Digest and card of a model file, without its weights.

    Raises:
        ModelError: the file is missing, damaged or foreign.
    """
    data = read_model_bytes(path)
    _, card = parse_header(data, str(path))
    return ModelFile(path=path, digest=hashlib.sha256(data).hexdigest(), card=card)


def check_extent(data: bytes, source: str) -> None:
    """Refuse a model file whose weights are cut off, or followed by something else.

    Raises:
        ModelError: the bytes are no model file, or not a whole one.
    """
    header, _ = parse_header(data, source)
    try:
        stated = max((int(tensor["data_offsets"][1]) for tensor in header.values()), default=0)
    except (TypeError, KeyError, IndexError, ValueError):
        raise ModelError(f"{source}: its table of weights is damaged; take another copy of the file.") from None
    there = len(data) - 8 - int.from_bytes(data[:8], "little")
    if stated != there:
        raise ModelError(f"{source}: has {there} bytes of weights, not {stated}; take another copy of the file.")


def clean_text(text: object) -> str:
    """Text without control and bidirectional characters."""
    if not isinstance(text, str):
        raise TypeError(f"expected text, not {text!r}")
    return _UNSAFE_TEXT.sub("", text)


def _build(raw: dict[str, Any]) -> Card:
    known = {f.name for f in fields(Card)}
    values = {key: value for key, value in raw.items() if key in known}
    for key in ("name", "version", "author", "licence"):
        if key in values:
            values[key] = clean_text(values[key])
    values["styles"] = tuple(_style(s) for s in raw["styles"])
    names = [s.name for s in values["styles"]]
    if not names or len(set(names)) != len(names):
        raise ValueError("its styles must have distinct names and there must be at least one")
    rights = raw.get("rights", {})
    values["rights"] = Rights(
        statement=clean_text(rights.get("statement") or UNKNOWN_RIGHTS),
        sources=_texts(rights.get("sources", ())),
        digests=_texts(rights.get("digests", ())),
    )
    card = Card(**values)
    if card.channels not in CHANNELS:
        raise ValueError(f"channels must be RGB or RGBA, not {card.channels!r}")
    if card.transfer not in TRANSFERS:
        raise ValueError(f"unknown transfer function {card.transfer!r}")
    for key in ("architecture", "training", "metrics"):
        if not isinstance(getattr(card, key), dict):
            raise TypeError(f"{key} must be an object")
    if not isinstance(card.generator, int):
        raise TypeError("generator must be a whole number")
    return card


def _style(raw: dict[str, Any]) -> Style:
    style = Style(
        name=_name(raw["name"]),
        anchored=tuple(raw.get("anchored", ())),
        fps=float(raw.get("fps", 24.0)),
        native_height=int(raw.get("native_height", 64)),
        max_height=int(raw.get("max_height", raw.get("native_height", 64))),
        alpha=bool(raw.get("alpha", False)),
        emissive=bool(raw.get("emissive", False)),
        glow=float(raw.get("glow", 1.0)),
        aspect=float(raw.get("aspect", 0.0)),
        controls=tuple(_control(c) for c in raw.get("controls", ())),
        words=_texts(raw.get("words", ())),
        thumbnail=clean_text(raw.get("thumbnail", "")),
    )
    if any(axis not in AXES for axis in style.anchored):
        raise ValueError(f"style {style.name}: anchored axes must be x or y, not {style.anchored}")
    if not 0 < style.fps <= 1000 or not 0 < style.native_height <= style.max_height <= 65536:
        raise ValueError(f"style {style.name}: fps or heights out of range")
    if not 0 <= style.aspect <= 1000:
        raise ValueError(f"style {style.name}: aspect out of range")
    if not 1 <= style.glow <= MAX_GLOW:
        raise ValueError(f"style {style.name}: glow must lie in 1..{MAX_GLOW}")
    return style


def _control(raw: dict[str, Any]) -> Control:
    control = Control(
        name=_name(raw["name"]),
        default=float(raw.get("default", 0.5)),
        low=_texts(raw.get("low", ())),
        high=_texts(raw.get("high", ())),
    )
    if not 0.0 <= control.default <= 1.0:
        raise ValueError(f"control {control.name}: default must lie in 0..1")
    return control


def _name(text: object) -> str:
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a name of a-z, 0-9, _ and -")
    return text


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list | tuple):
        raise TypeError(f"expected a list of texts, not {values!r}")
    return tuple(clean_text(v) for v in values)


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(v) for v in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(v) for v in value), default=0)
    return 0
