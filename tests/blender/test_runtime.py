# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime in the preferences, and an extension that is replaced or disabled while its children run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from aigc_blender.sequence.metadata import read_metadata
from tests.blender import kit
from tests.blender.test_generate import is_running
from tests.runtime.wheels import uv_program, write_wheels


def preferences(**values: str) -> Any:
    """The extension's preferences, as they are where it is enabled as an add-on."""
    import bpy

    from aigc_blender.ui import runtime

    if runtime.PACKAGE not in bpy.context.preferences.addons:
        bpy.context.preferences.addons.new().module = runtime.PACKAGE
    found = bpy.context.preferences.addons[runtime.PACKAGE].preferences
    for name, value in values.items():
        setattr(found, name, value)
    return found


def eventually(what: str, so: Any) -> None:
    """Do what the timer does until something is so."""
    from aigc_blender.ui import runtime

    deadline = time.monotonic() + kit.PATIENCE / 2
    while not so():
        assert time.monotonic() < deadline, what
        runtime.pump()
        time.sleep(0.02)


def slow_uv(folder: Path) -> tuple[Path, Path]:
    """A uv that never ends, and the file in which it names its child."""
    program, pid = folder / "uv", folder / "pid"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo uv 9.9.9 && exit\n'
        f'sleep 1000 & echo $! > "{pid}.new"; mv "{pid}.new" "{pid}"; wait\n'
    )
    program.chmod(0o755)
    return program, pid


@kit.in_blender
def test_the_preferences_tell_what_was_found(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.ui import runtime

    python = os.environ.pop("AIGC_PYTHON", sys.executable)
    chosen = preferences()
    assert runtime.state() == "not_looked"
    chosen.python = python  # a change looks again
    assert runtime.state() == "looking"
    eventually("it never looked", lambda: runtime.state() == "ready")
    found = runtime.found()
    assert found is not None
    assert found.runtime is not None
    assert found.runtime.python == Path(python)
    assert found.devices is None  # torch was not tried
    assert bpy.ops.aigc.runtime_check() == {"FINISHED"}
    found = runtime.found()
    assert found is not None
    assert found.devices is not None
    assert "cpu" in found.devices

    (tmp_path / "python").write_text("no program")
    chosen.python = str(tmp_path / "python")
    assert "not executable" in kit.refusal(bpy.ops.aigc.runtime_check)
    assert runtime.state() == "broken"


@kit.in_blender
def test_one_click_installs_and_a_failure_can_be_retried(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.runtime import managed
    from aigc_blender.runtime.find import look_at
    from aigc_blender.ui import runtime

    program = str(uv_program())
    base = os.environ.pop("AIGC_PYTHON", sys.executable)
    os.environ["AIGC_HOME"] = str(tmp_path / "home ü")
    bpy.context.preferences.system.use_online_access = False
    assert not bpy.ops.aigc.runtime_install.poll()
    wheels = write_wheels(tmp_path / "wheels", without="torch")
    preferences(wheels=str(wheels), base_python=base, uv=program)
    assert "has no torch" in kit.refusal(bpy.ops.aigc.runtime_install)
    assert runtime.state() == "failed"

    write_wheels(wheels)
    assert bpy.ops.aigc.runtime_install() == {"FINISHED"}  # Retry
    assert runtime.state() == "ready"
    found = runtime.found()
    assert found is not None
    assert found.environment is not None
    assert found.environment.current
    assert found.devices == ("cpu",)
    assert found.runtime == look_at(found.environment.python)
    assert not bpy.ops.aigc.runtime_cancel.poll()
    assert bpy.ops.aigc.runtime_remove("EXEC_DEFAULT") == {"FINISHED"}
    assert not managed.environments()


@kit.in_blender
def test_cancelling_and_disabling_end_an_installation(tmp_path: Path) -> None:
    import bpy

    import aigc_blender
    from aigc_blender.runtime.install import Options
    from aigc_blender.runtime.installation import Installation
    from aigc_blender.runtime.managed import runtimes_folder
    from aigc_blender.ui import runtime

    base = os.environ.get("AIGC_PYTHON", sys.executable)
    os.environ["AIGC_HOME"] = str(tmp_path / "home")
    for end in ("cancel", "disable"):
        program, pid = slow_uv(tmp_path)
        options = Options(wheels=write_wheels(tmp_path / "wheels"), python=Path(base), uv=program)
        runtime._installation = Installation(options)
        eventually("uv never started", pid.exists)
        assert runtime.state() == "installing"
        child = int(pid.read_text())
        if end == "cancel":
            bpy.ops.aigc.runtime_cancel()
            eventually("it was not cancelled", lambda: runtime.state() == "ready")  # AIGC_PYTHON, or this interpreter
        else:
            aigc_blender.unregister()
        assert not is_running(child)
        assert not list(runtimes_folder().glob(".new-*"))
        pid.unlink()
    aigc_blender.register()
    assert runtime.state() == "not_looked"
    assert bpy.ops.aigc.runtime_check() == {"FINISHED"}


REPLACED = """
import os, sys, time
from pathlib import Path
extension, frames = map(Path, sys.argv[1:])
sys.path.insert(0, str(extension))
import bpy
bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
import aigc_blender
assert Path(aigc_blender.__file__).is_relative_to(extension)
aigc_blender.register()
from aigc_blender.scene import jobs
from aigc_blender.scene.warm import Machine
from aigc_blender.ui import catalog
bpy.ops.aigc.add(style=next(e.key for e in catalog.entries if e.style.name == "fire" and e.model.card.name == "Tiny"))
scene, machine = bpy.context.scene, Machine(device="cpu")
scene.frame_start, scene.frame_end = 1, 48
group = scene.aigc_item
group.aigc.width = group.aigc.height = 128
group.aigc.placement = {"BACKDROP"}
scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
scene.collection.objects.link(scene.camera)
job = jobs.prepare(group, scene, None, machine, frames)
jobs.start(group, job, machine)
while job.newest is None and job.state == "running":
    jobs.pump()
process = Path("/proc", str(jobs.worker.client().pid))
used = {os.path.realpath(link) for link in (*(process / "fd").iterdir(), process / "cwd")}  # one may be closed meanwhile
used |= {line.split(maxsplit=5)[-1].strip() for line in (process / "maps").read_text().splitlines()}
print("USED", [path for path in used if path.startswith(str(extension))])
extension.rename(extension.with_name("gone"))
jobs.wait(job)
print("STATE", job.state, job.done)
aigc_blender.unregister()
aigc_blender.register()
aigc_blender.unregister()
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc")
def test_the_extensions_folder_can_be_replaced_while_it_generates(tmp_path: Path) -> None:
    extension = tmp_path / "extension"
    shutil.copytree(kit.ROOT / "aigc_blender", extension / "aigc_blender", ignore=shutil.ignore_patterns("__pycache__"))
    done = kit.run_blender("-I", "-c", REPLACED, str(extension), str(tmp_path / "frames"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "USED []" in done.stdout
    assert "STATE done" in done.stdout
    assert len(list((tmp_path / "frames").glob("*.exr"))) == 48


def test_the_command_of_blender_runs_in_its_own_python(tmp_path: Path) -> None:
    program = """
import sys; sys.path.insert(0, sys.argv.pop(1))
import bpy, aigc_blender
aigc_blender.register()
from aigc_blender.ui import command
code = command.run(["runtime", *sys.argv[1:]])
aigc_blender.unregister()
sys.exit(code)
"""
    base = os.environ.get("AIGC_PYTHON", sys.executable)
    wheels = write_wheels(tmp_path / "wheels")

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        home = {"AIGC_HOME": str(tmp_path / "home"), "AIGC_PYTHON": ""}
        return kit.run_blender("-I", "-c", program, str(kit.ROOT), *map(str, arguments), **home)

    kit.model_folder()
    done = run("install", "--wheels", wheels, "--python", base, "--uv", uv_program())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Found cpu" in done.stdout
    done = run("check")
    assert "build wheels, current True" in done.stdout
    assert run("remove").returncode == 0
    assert run("check").returncode in (0, 2)  # what Blender's own Python has


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_command_of_blender_ends_what_it_runs_when_it_is_to_end(tmp_path: Path) -> None:
    program = """
import sys, bpy, aigc_blender
aigc_blender.register()
from aigc_blender.ui import command
sys.exit(command.run(sys.argv[1:]))
"""
    words = [
        "generate",
        "--model",
        str(kit.model_folder() / "tiny.safetensors"),
        "--style",
        "fire",
        "--size",
        "640x640",
        "--frames",
        "1-400",
        "--out",
        str(tmp_path),
    ]
    with kit.blender("-c", program, *words) as process:
        deadline = time.monotonic() + kit.PATIENCE
        while len(list(tmp_path.glob("*.png"))) < 3 and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.terminate()
        _, err = process.communicate(timeout=kit.PATIENCE)
    assert process.returncode == 143, err
    assert "Stopped" in err
    written = list(tmp_path.glob("*.png"))
    assert 3 <= len(written) < 400
    assert all(read_metadata(path) for path in written)
    assert not list(tmp_path.glob(".*")), "nothing half-written, and nobody who goes on"


if sys.platform == "win32":
    pytest.skip("writes shell scripts", allow_module_level=True)


def test_disabling_twice_does_nothing_the_second_time() -> None:
    """As at the end of a script that did not disable it: Python's own end does, then Blender's."""
    script = (
        "import bpy, os, aigc_blender as a; a.register(); a.unregister(); a.unregister(); print('TWICE'); os._exit(0)"
    )
    done = kit.run_blender("-c", script)
    assert "TWICE" in done.stdout, done.stderr
