# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom, read from the source: imports point down, and what Blender loads stays light.

Imports within functions count as well: they say just as much about what a module needs.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("aigc_blender", "training")

# Each part of the extension and the other parts that it may import; a part is a module or a folder of them.
BASE = {"errors", "card", "recipe", "track", "transfer"}
MODELS = BASE | {"library"}
BLENDER_SIDE = MODELS | {
    "advice",
    "describe",
    "presets",
    "runtime",
    "runtime.folders",
    "worker.buffer",
    "worker.client",
    "worker.protocol",
}
SIDECARS = {
    "sequence.names",
    "sequence.sidecar",
    "sequence.metadata",
}  # names of frames, and recipes beside and in them
SEQUENCE = {"sequence"} | SIDECARS
MAY_IMPORT = {
    "": {"ui"},
    "ui": BLENDER_SIDE | {"scene"},
    "scene": BLENDER_SIDE | SIDECARS,
    "runtime": {"errors", "runtime.folders"},
    "runtime.folders": {"errors"},
    "runtime.bootstrap": {
        "runtime",
        "cli",
        "worker.server",
    },  # a script that starts a child process, not imported by anything
    "worker": set(),
    "worker.client": {"errors", "runtime", "worker.protocol"},
    "worker.protocol": {"errors"},
    "worker.buffer": set(),
    "worker.previews": MODELS | {"preview", "worker.buffer", "worker.protocol"},
    "worker.server": MODELS | {"produce", "generator", *SEQUENCE, "worker.protocol", "worker.previews"},
    "__main__": {"cli"},
    "cli": MODELS | {"produce", "generator", *SEQUENCE, "runtime"},
    "produce": MODELS | {"generator", *SEQUENCE},
    "preview": MODELS | {"generator", *SEQUENCE},
    "generator": BASE,
    "sequence": BASE | SIDECARS,
    **dict.fromkeys(SIDECARS, BASE | SIDECARS),
    "library": {"card", "errors", "runtime.folders"},
    "advice": BASE,
    "presets": BASE | {"runtime.folders"},
    "describe": {"card", "phrases", "lexicon"},
    "phrases": {"card", "lexicon"},
    "lexicon": set(),
    "recipe": {"card", "errors", "track"},
    "track": set(),
    "transfer": set(),
    "card": {"errors"},
    "errors": set(),
}
TRAINING_MAY_IMPORT = BASE | {"generator", *SEQUENCE}
BLENDERS_OWN = {"bpy", "bpy_extras", "mathutils", "gpu", "gpu_extras", "blf", "addon_utils"}
STANDARD_LIBRARY_ALONE = (
    "errors",
    "card",
    "library",
    "advice",
    "presets",
    "recipe",
    "track",
    "runtime",
    "worker.client",
    *SIDECARS,
)
LOADED_BY_BLENDER = ("ui", "scene", *STANDARD_LIBRARY_ALONE)


@cache
def modules() -> dict[str, Path]:
    """The file of every module of both packages, by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[dotted.removesuffix(".__init__")] = path
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """The dotted names that a module imports anywhere in its text; ours down to the module, others' as written."""
    path = modules()[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            names = {f"{source}.{alias.name}" for alias in node.names}
            found |= {name if name in modules() else source for name in names}
    return frozenset(found)


def part(module: str) -> str:
    """The part of the extension that a module belongs to."""
    name = module.removeprefix("aigc_blender").removeprefix(".")
    while name not in MAY_IMPORT:
        assert "." in name, f"{module} belongs to no part: say in this file what it may import"
        name = name.rpartition(".")[0]
    return name


def members(*parts: str) -> list[str]:
    """The modules of some parts."""
    return [m for m in modules() if m.startswith("aigc_blender") and part(m) in parts]


def reach(starts: list[str]) -> dict[str, str]:
    """Everything that some modules import, directly or through others, each with one that imports it."""
    found: dict[str, str] = {}
    todo = list(starts)
    while todo:
        module = todo.pop()
        for name in imports(module) - found.keys():
            found[name] = module
            if name in modules():
                todo.append(name)
    return found


def foreign(names: dict[str, str], allowed: set[str]) -> set[str]:
    """What is imported from neither these packages nor the standard library nor the allowed ones."""
    known = {*PACKAGES, *sys.stdlib_module_names, *allowed}
    return {f"{by} imports {name}" for name, by in names.items() if name.partition(".")[0] not in known}


def test_the_reader_sees_imports() -> None:
    assert {"torch", "aigc_blender.generator.field"} <= imports("aigc_blender.generator.network")
    assert "aigc_blender.ui" in imports("aigc_blender")  # inside a function
    assert "safetensors.torch" in reach(members("generator"))


def test_every_part_exists() -> None:
    assert {part(m) for m in modules() if m.startswith("aigc_blender")} == set(MAY_IMPORT)


def test_imports_point_down() -> None:
    faults = [
        f"{module} imports {name}"
        for module in modules()
        if module.startswith("aigc_blender")
        for name in imports(module)
        if name.startswith("aigc_blender") and part(name) not in {part(module), *MAY_IMPORT[part(module)]}
    ]
    assert not faults


def test_no_module_imports_itself_through_others() -> None:
    TopologicalSorter({m: imports(m) & modules().keys() for m in modules()}).prepare()  # raises on a cycle


def test_training_uses_what_draws_and_names_frames() -> None:
    faults = [
        f"{module} imports {name}"
        for module in modules()
        if module.startswith("training")
        for name in imports(module)
        if name.startswith("aigc_blender") and part(name) not in TRAINING_MAY_IMPORT
    ]
    assert not faults


def test_what_blender_loads_needs_nothing_that_blender_lacks() -> None:
    assert not foreign(reach(members(*LOADED_BY_BLENDER)), BLENDERS_OWN | {"numpy"})


@pytest.mark.parametrize("name", sorted(STANDARD_LIBRARY_ALONE))  # sets differ in order by process
def test_contracts_need_the_standard_library_alone(name: str) -> None:
    assert not foreign(reach(members(name)), set())


def test_bpy_stays_in_scene_and_ui() -> None:
    others = [m for m in modules() if not m.startswith("aigc_blender") or part(m) not in {"scene", "ui"}]
    faults = [f"{m} imports {n}" for m in others for n in imports(m) if n.partition(".")[0] in BLENDERS_OWN]
    assert not faults


def test_the_extension_never_names_itself() -> None:
    """In Blender the package is called bl_ext.<repository>.<id>: an absolute import would load a second copy."""
    faults = [
        f"{path}:{node.lineno}"
        for module, path in modules().items()
        if module.startswith("aigc_blender") and part(module) != "runtime.bootstrap"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Import) and any(a.name.partition(".")[0] in PACKAGES for a in node.names))
        or (isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] in PACKAGES)
    ]
    assert not faults


def test_the_package_imports_without_blender_and_torch() -> None:
    code = "import sys; sys.modules |= dict.fromkeys(('bpy', 'torch', 'numpy')); import aigc_blender"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
