# SPDX-License-Identifier: GPL-3.0-or-later
"""Items as assets: the picture, the words and the rights that the Asset Browser shows."""

from __future__ import annotations

from typing import Any

from ..card import UNKNOWN_RIGHTS, Card, Style
from . import images, picture, shader

TAG_LIMIT = 8


def mark(group: Any, style: Style, card: Card) -> None:
    """Make an item an asset, described.

    Raises:
        SequenceError: its first frame cannot be read.
    """
    group.asset_mark()
    describe(group, style, card)


def is_described(group: Any) -> bool:
    """Whether an asset has a picture of its own and a description already."""
    preview = group.preview
    return bool(group.asset_data.description and preview is not None and preview.is_image_custom)


def describe(group: Any, style: Style, card: Card) -> None:
    """Give an asset its first frame or the style's thumbnail as preview, tags, and the card's author and rights.

    What a person has written there stays.

    Raises:
        SequenceError: the first frame cannot be read.
    """
    about = group.asset_data
    for tag in (style.name, *style.words[:TAG_LIMIT]):
        about.tags.new(tag, skip_if_exists=True)
    about.description = (
        about.description or f"{', '.join(style.words) or style.name}; drawn by {card.name} {card.version}"
    )
    about.author = about.author or card.author
    about.license = about.license or card.licence or UNKNOWN_RIGHTS
    about.copyright = about.copyright or card.rights.statement
    image = shader.image_of(group)
    file = images.first_file(image) if image else None
    shown = picture.of_frame(file, style.glow) if file and file.is_file() else picture.of_style(style)
    if shown is not None:
        picture.put(group.preview_ensure(), shown)
