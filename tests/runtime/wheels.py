# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of tiny wheels with the names and versions of the lock: to the installer they are as good as the real ones."""

from __future__ import annotations

import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

from aigc_blender.runtime.managed import LOCK_FILE

# Just what listing the devices asks of torch.
TORCH = """
class _Absent:
    is_available = staticmethod(lambda: False)
cuda = _Absent
class backends:
    mps = _Absent
"""
BROKEN_TORCH = "import ctypes; ctypes.CDLL('libcudart-not-there.so.13')"
LOCK = dict(re.findall(r"^([\w-]+)==(\S+)$", LOCK_FILE.read_text(), re.MULTILINE))


def write_wheels(folder: Path, torch: str = TORCH, without: str = "") -> Path:
    """Wheels of the whole lock but one; gives the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, version in LOCK.items():
        if name != without:
            write_wheel(folder, name, version, torch if name == "torch" else "")
    return folder


def write_wheel(folder: Path, name: str, version: str, text: str, scripts: dict[str, bytes] | None = None) -> Path:
    """One wheel with one module."""
    module = name.replace("-", "_")
    path, about = folder / f"{module}-{version}-py3-none-any.whl", f"{module}-{version}.dist-info"
    contents: dict[str, str | bytes] = {
        f"{module}.py": text,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **{f"{module}-{version}.data/scripts/{program}": data for program, data in (scripts or {}).items()},
    }
    contents[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in (*contents, f"{about}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in contents.items():
            archive.writestr(member, data)
    return path


def uv_program() -> Path:
    """The uv that installs in the tests: beside the main environment's Python, or on PATH."""
    beside = Path(os.environ.get("AIGC_PYTHON") or sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    assert found, "there is no uv: type 'make setup'"
    return Path(found)
