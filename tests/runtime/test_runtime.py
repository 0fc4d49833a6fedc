# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the interpreter and giving it the code."""

import os
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aigc_blender.errors import RuntimeMissingError
from aigc_blender.runtime.code import cli_command, install_code
from aigc_blender.runtime.environment import child_environment
from aigc_blender.runtime.find import PACKAGES, find_runtime, list_devices, look_at
from aigc_blender.runtime.managed import environment_folder, write_record


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_this_interpreter_is_found_and_its_devices_listed() -> None:
    runtime = find_runtime()
    assert runtime.python == Path(sys.executable)
    assert set(runtime.versions) == {"python", *PACKAGES}
    assert "cpu" in list_devices(runtime)


@pytest.mark.skipif(sys.platform == "win32", reason="writes shell scripts")
def test_the_order_of_preference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = [script(tmp_path / name, f'exec "{sys.executable}" "$@"') for name in ("configured", "variable")]
    managed = script(environment_folder("cpu") / "bin" / "python", f'exec "{sys.executable}" "$@"')
    write_record(environment_folder("cpu"), "cpu")
    assert find_runtime().python == managed
    monkeypatch.setenv("AIGC_PYTHON", str(scripts[1]))
    assert find_runtime().python == scripts[1]
    assert find_runtime(scripts[0]).python == scripts[0]


@pytest.mark.skipif(sys.platform == "win32", reason="writes shell scripts")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("exit 3", "exit code 3"),
        ("echo 'libtorch.so: cannot open' >&2; exit 1", "libtorch.so"),
        ("echo hello", "failed"),
        ("echo '[1]'", "no Python"),
        ("""echo '{"python": [3, 9, 1], "versions": {}}'""", "3.9.1"),
        ("""echo '{"python": [3, 11, 1], "versions": {"numpy": "1"}}'""", "has no torch, safetensors, OpenImageIO"),
    ],
)
def test_a_named_interpreter_is_never_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    broken = script(tmp_path / "python", text)
    with pytest.raises(RuntimeMissingError) as caught:
        find_runtime(broken)
    assert says in str(caught.value)
    assert str(broken) in str(caught.value)
    assert "\n" not in str(caught.value)
    monkeypatch.setenv("AIGC_PYTHON", str(broken))
    with pytest.raises(RuntimeMissingError):
        find_runtime()


def test_packages_without_metadata_are_found(tmp_path: Path) -> None:
    """Linux distributions ship some so."""
    venv.create(tmp_path, symlinks=True)
    python = tmp_path / "bin" / "python"
    (site,) = tmp_path.glob("lib/python*/site-packages")
    for name in PACKAGES[1:]:
        (site / f"{name}.py").touch()
    with pytest.raises(RuntimeMissingError, match="has no torch;"):
        look_at(python)
    (site / "torch").mkdir()
    (site / "torch" / "__init__.py").touch()
    assert {name: look_at(python).versions[name] for name in PACKAGES} == dict.fromkeys(PACKAGES, "unknown")


def test_paths_that_cannot_be_run(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("text")
    for path in (tmp_path / "none", tmp_path, plain):
        with pytest.raises(RuntimeMissingError, match="cannot be run"):
            look_at(path)


def test_the_copy_runs_by_itself(tmp_path: Path) -> None:
    runtime = look_at(Path(sys.executable))
    code = install_code()
    assert (code / "aigc_blender" / "recipe.py").exists()
    assert not (code / "aigc_blender" / "ui").exists()
    assert not (code / "aigc_blender" / "scene").exists()
    command = cli_command(runtime, code, ["generate", "--style", "fire", "--frames", "2-1", "--out", "never"])
    done = subprocess.run(command, cwd=tmp_path, env=child_environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "write 1-2" in done.stderr


def test_the_copy_is_made_once_even_by_many_at_once(home: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: install_code(), range(16)))
    (folder,) = folders
    assert list((home / "code").iterdir()) == [folder]
    marks = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert install_code() == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == marks


def test_a_copy_that_cannot_be_made(home: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file")
    with pytest.raises(RuntimeMissingError, match="cannot be copied"):
        install_code()


def test_children_get_no_python_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("PYTHONHOME", "/somewhere")
    monkeypatch.setenv("SECRET_TOKEN", "x")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("AIGC_MODEL_PATH", "/models")
    environment = child_environment()
    assert environment.keys().isdisjoint({"PYTHONPATH", "PYTHONHOME", "SECRET_TOKEN"})
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment["AIGC_MODEL_PATH"] == "/models"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["PATH"] == os.environ["PATH"]


def test_blender_imports_this_without_torch_numpy_or_bpy() -> None:
    """The command line, the client and the runtime need the standard library alone."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "import aigc_blender.cli, aigc_blender.worker.client, aigc_blender.runtime.code;"
        "print([name for name in ('torch', 'numpy', 'bpy', 'OpenImageIO', 'imageio') if name in sys.modules])"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program, root], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
