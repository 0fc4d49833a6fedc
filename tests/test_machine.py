# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line on a machine that lacks something: a home for its user, room for what is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .test_cli import FIRE, ROOT

BUNDLED_FIRE = [*FIRE.split(), "--device", "cpu", "--frames", "1"]

# A container's user that no list of users has.
AS_NOBODY = """\
import pwd, sys

def unknown(number):
    raise KeyError(number)

pwd.getpwuid = unknown
"""
COMMAND = "from aigc_blender.cli import main; sys.exit(main(sys.argv[1:]))"

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="has no list of users that one can be missing from")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


def as_nobody(*arguments: object, program: str = COMMAND, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command, or another program, of a user without a home."""
    kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "AIGC_HOME", "XDG_DATA_HOME")}
    return subprocess.run(
        [sys.executable, "-c", AS_NOBODY + program, *map(str, arguments)],
        cwd=ROOT,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@needs_posix
def test_without_a_home_all_that_is_bundled_is_there(tmp_path: Path) -> None:
    listed = as_nobody("models")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "fire: controls" in listed.stdout
    drawn = as_nobody("generate", *BUNDLED_FIRE, "--out", tmp_path)
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert (tmp_path / "fire.0001.png").exists()


@needs_posix
def test_what_needs_a_home_says_how_to_name_one() -> None:
    for home in ("", "~/aigc"):
        refused = as_nobody("runtime", "remove", AIGC_HOME=home)
        assert refused.returncode == 2
        assert re.fullmatch(r"aigc: .*no home folder; .*AIGC_HOME\.\n", refused.stderr), refused.stderr


@needs_posix
def test_without_a_home_bundled_presets_are_there() -> None:
    found = as_nobody(program="from aigc_blender.presets import find_presets; print(find_presets()[1])")
    assert (found.stdout, found.stderr) == ("[]\n", "")


@needs_full
@pytest.mark.parametrize("words", [["models"], ["check", "--json"], ["generate", *BUNDLED_FIRE, "--out"]])
def test_a_log_that_takes_no_more_is_told(tmp_path: Path, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "aigc_blender", *words, *([tmp_path] if "--out" in words else [])],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert re.fullmatch(r"aigc: The output cannot be written \(No space left on device\); .+\.\n", ended.stderr)


@needs_full
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_refusal_keeps_its_exit_code_where_nobody_hears_it(more: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "aigc_blender", "generate", "--frames", "1", "--out", "never", *more],
            cwd=ROOT,
            stdout=full,
            stderr=full,
            check=False,
        )
    assert ended.returncode == 2
