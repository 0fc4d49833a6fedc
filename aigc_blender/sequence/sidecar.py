# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe that lies beside a sequence, and recipes read back from files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import RecipeError, SequenceError
from ..recipe import Recipe, recipe_from_dict
from .metadata import read_metadata

MAX_BYTES = 16 * 2**20  # of a recipe file


@dataclass(frozen=True)
class Sidecar:
    """What a folder says of its sequence.

    ``device`` is the kind that drew it (``cpu``, ``cuda`` ...), ``runtime`` maps packages to versions.
    """

    recipe: Recipe
    format: str
    device: str
    runtime: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The sidecar as indented JSON text."""
        data = {
            "recipe": self.recipe.to_dict(),
            "format": self.format,
            "device": self.device,
            "runtime": self.runtime,
        }
        return json.dumps(data, indent=2) + "\n"


def read_sidecar(path: Path) -> Sidecar | None:
    """The sidecar at a path, or None where there is none.

    Raises:
        SequenceError: there is a file, and it is no sidecar.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
        return Sidecar(recipe_from_dict(raw["recipe"]), raw["format"], raw["device"], raw["runtime"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SequenceError(f"{path} cannot be read ({error.strerror}); check the path and its permissions.") from None
    except (ValueError, TypeError, KeyError, RecursionError, RecipeError):
        raise SequenceError(f"{path} is not the recipe of a sequence; move it away or choose another folder.") from None


def read_recipe(path: Path) -> Recipe:
    """The recipe in a recipe file, in a sidecar or in a frame.

    Raises:
        RecipeError: the file cannot be read or holds no recipe.
    """
    try:
        if path.suffix.lower() in (".png", ".exr"):
            return recipe_from_frame(read_metadata(path), path)
        if path.stat().st_size > MAX_BYTES:
            raise RecipeError(f"{path} is larger than any recipe; give a file that this add-on wrote.")
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RecipeError(f"{path} cannot be read ({error.strerror}); check the path and its permissions.") from None
    except (ValueError, RecursionError):
        raise RecipeError(f"{path} is not JSON; give a recipe, a sidecar or a frame that this add-on wrote.") from None
    return recipe_from_dict(raw["recipe"] if isinstance(raw, dict) and "recipe" in raw else raw)


def recipe_from_frame(metadata: dict[str, Any] | None, path: Path) -> Recipe:
    """The recipe of one frame, from its metadata; controls are what they were at that frame.

    Raises:
        RecipeError: the frame at ``path`` has none.
    """
    inputs = (metadata or {}).get("inputs")
    if not isinstance(inputs, dict):
        raise RecipeError(f"{path} holds no recipe; give a frame that this add-on wrote, or its recipe.json.")
    return recipe_from_dict({key: value for key, value in inputs.items() if key != "frame"})
