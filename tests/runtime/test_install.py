# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing the runtime with the real uv, from tiny wheels; and every way in which that ends badly."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aigc_blender.errors import RuntimeMissingError
from aigc_blender.runtime import managed, uv
from aigc_blender.runtime.find import find_runtime, look_at
from aigc_blender.runtime.install import Options, install, log_file, remove
from aigc_blender.runtime.managed import environment_folder, environments, runtimes_folder, tidy
from tests.runtime.test_runtime import script
from tests.runtime.wheels import BROKEN_TORCH, LOCK, uv_program, write_wheel, write_wheels

ROOT = Path(__file__).parents[2]
PYTHON = Path(sys.executable)
PATIENCE = 120.0  # seconds; only a fault ever waits so long
needs_scripts = pytest.mark.skipif(sys.platform == "win32", reason="writes shell scripts")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    return write_wheels(tmp_path / "wheels ü")


def options(wheels: Path | None, **more: Any) -> Options:
    return Options(**{"wheels": wheels, "python": PYTHON, "uv": uv_program(), "network": False, **more})


def silent(_event: dict[str, Any]) -> None:
    """For those who do not want to know."""


def refusal(chosen: Options) -> str:
    """What a failed installation says, which leaves nothing half done."""
    with pytest.raises(RuntimeMissingError) as caught:
        install(chosen, silent)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert ";" in text, "no remedy"
    assert not list(runtimes_folder().glob(".new-*")) if runtimes_folder().is_dir() else True
    return text


def child(*arguments: object, **variables: str) -> subprocess.Popen[str]:
    """The command, as Blender runs it."""
    return subprocess.Popen(
        [sys.executable, "-m", "aigc_blender", "runtime", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def eventually(what: str, so: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def runs(pid: int) -> bool:
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(said.strip()) and not said.startswith("Z")


def test_a_wheel_folder_becomes_the_runtime(wheels: Path) -> None:
    told: list[dict[str, Any]] = []
    made = install(options(wheels), told.append)
    assert made.python.is_relative_to(environment_folder("wheels"))
    assert {name: made.versions[name] for name in ("torch", "numpy")} == {n: LOCK[n] for n in ("torch", "numpy")}
    assert find_runtime() == made
    assert told[0]["progress"] == 0
    assert [e["progress"] for e in told] == sorted(e["progress"] for e in told)
    assert told[-1]["text"] == "Found cpu"
    assert "--no-index" in log_file().read_text()
    assert [e.current for e in environments()] == [True]
    marks = made.python.lstat().st_mtime_ns
    assert install(options(wheels), silent) == made
    assert made.python.lstat().st_mtime_ns == marks  # it was there
    again = install(options(wheels, again=True), silent)
    assert (again, again.python.lstat().st_mtime_ns == marks) == (made, False)
    assert remove() == []
    assert not environments()
    assert sorted(p.name for p in runtimes_folder().iterdir()) == ["install.lock", "install.log"]


def test_a_home_is_named_from_where_one_stands(wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIGC_HOME", "here")
    made = install(options(wheels), silent)
    assert made.python.is_relative_to(tmp_path / "here" / "runtime")
    assert find_runtime() == made
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("AIGC_HOME", str(Path("~", "here")))
    assert find_runtime() == made


def test_an_old_environment_serves_until_the_new_one_is_there(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = install(options(wheels), silent)
    newer = tmp_path / "lock.txt"
    newer.write_text(managed.LOCK_FILE.read_text().replace("numpy==" + LOCK["numpy"], "numpy==9.9"))
    monkeypatch.setattr(managed, "LOCK_FILE", newer)
    monkeypatch.setattr("aigc_blender.runtime.install.LOCK_FILE", newer)
    assert find_runtime() == old
    assert [e.current for e in environments()] == [False]
    assert "has no numpy" in refusal(options(wheels))
    assert find_runtime() == old  # a failed update takes nothing away
    write_wheel(wheels, "numpy", "9.9", "")
    new = install(options(wheels), silent)
    assert find_runtime() == new
    assert new.versions["numpy"] == "9.9"
    assert look_at(old.python) == old  # somebody may be about to start it

    program = f"""import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path
from aigc_blender.runtime.exclusive import hold; hold(Path({str(old.python.parents[1])!r})); print("held", flush=True); sys.stdin.read()"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as user:
        assert user.stdout is not None
        assert user.stdout.readline()
        age(old.python.parents[1])
        tidy()
        assert old.python.exists()
        user.communicate()
    age(old.python.parents[1])
    age(new.python.parents[1])
    tidy()
    assert not old.python.exists()
    assert find_runtime() == new


def age(folder: Path) -> None:
    """Make it as if nobody had touched a folder for long."""
    long_ago = time.time() - 10 * managed.UNUSED_SECONDS
    os.utime(folder, (long_ago, long_ago))


@needs_scripts
def test_what_goes_wrong_is_told_with_its_remedy(
    wheels: Path,
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no wheels" in refusal(options(empty))
    assert "online access is off" in refusal(options(None))
    assert "has no safetensors" in refusal(options(write_wheels(tmp_path / "less", without="safetensors")))
    said = refusal(options(write_wheels(tmp_path / "broken", torch=BROKEN_TORCH)))
    assert "libcudart-not-there.so.13" in said
    assert not environments()

    assert "there is no such file" in refusal(options(wheels, python=tmp_path / "none"))
    ancient = script(tmp_path / "python3.9", """echo '{"python": [3, 9, 1], "versions": {}}'""")
    assert "Python 3.9.1" in refusal(options(wheels, python=ancient))
    assert "is no uv" in refusal(options(wheels, uv=script(tmp_path / "cp", "exit 1")))
    assert "is needed" in refusal(options(wheels, uv=script(tmp_path / "old", "echo uv 0.4.1")))
    assert "cannot be run" in refusal(options(wheels, uv=tmp_path / "none"))
    for words, says in (
        ("failed to write to file `x`: No space left on device (os error 28)", "no space is left"),
        ("error: failed to rename file: Permission denied (os error 13)", "may not be written"),
        ("error: something new", "something new"),
    ):
        fake = script(tmp_path / "uv", f'[ "$1" = --version ] && echo uv 9.9.9 && exit; echo "{words}" >&2; exit 2')
        assert says in refusal(options(wheels, uv=fake))

    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", "http://127.0.0.1:9/python-build-standalone")
    said = refusal(options(None, python=None, network=True))
    assert "Python cannot be downloaded" in said
    assert "Base Python" in said
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    assert "127.0.0.1:9 cannot be reached" in refusal(options(None, network=True))

    home.parent.joinpath("file").write_text("")
    monkeypatch.setenv("AIGC_HOME", str(home.parent / "file" / "aigc"))
    assert "cannot be written" in refusal(options(wheels))
    if Path("/proc/self").exists():  # a file system without a byte left
        monkeypatch.setenv("AIGC_HOME", "/proc/aigc")
        assert "needs about 2 GB" in refusal(options(wheels))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A package index on this machine: its folder of uv's files, and its address."""
    folder = tmp_path / "index" / "simple" / "uv"
    folder.mkdir(parents=True)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "index"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}/simple"
    server.shutdown()
    thread.join()
    server.server_close()


@needs_scripts
def test_uv_comes_from_an_index_and_is_checked(index: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, url = index
    name, _ = uv._wheel()
    program = b"#!/bin/sh\necho uv 9.9.9\n"
    data = write_wheel(folder, "uv", uv.VERSION, "", {uv.PROGRAM: program}).rename(folder / name).read_bytes()
    (folder / "index.html").write_text(f'<a href="../../simple/uv/{name}#sha256=0">{name}</a>')
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("AIGC_INDEX", url)

    def find(*, wheels: Path | None = None, network: bool = True) -> Path:
        return uv.find_uv(None, wheels, network, lambda _text, _done: None)

    with pytest.raises(RuntimeMissingError, match="may not be downloaded"):
        find(network=False)
    with pytest.raises(RuntimeMissingError, match="SHA-256"):
        find()
    key = next(k for k, (tag, _) in uv._WHEELS.items() if tag in name)
    monkeypatch.setitem(uv._WHEELS, key, (uv._WHEELS[key][0], hashlib.sha256(data).hexdigest()))
    found = find()
    assert found.read_bytes() == program
    assert uv.version(found) == (9, 9, 9)
    (folder / "index.html").write_text("")
    assert find(network=False) == found  # kept
    found.unlink()
    with pytest.raises(RuntimeMissingError, match=f"has no {name}"):
        find()
    assert find(wheels=folder, network=False) == found  # the wheel folder may bring it
    found.unlink()
    monkeypatch.setenv("AIGC_INDEX", "http://127.0.0.1:9/simple")
    with pytest.raises(RuntimeMissingError, match="cannot be downloaded"):
        find()
    monkeypatch.setenv("AIGC_UV_URL", f"{url}/uv/{name}")
    assert find() == found


@needs_scripts
@pytest.mark.parametrize("end", ["close", "terminate", "kill"])
def test_an_end_in_the_middle_leaves_no_child_and_can_be_resumed(tmp_path: Path, wheels: Path, end: str) -> None:
    pid_file = tmp_path / "pid"
    slow = script(
        tmp_path / "uv",
        f'[ "$1" = --version ] && echo uv 9.9.9 && exit; for stage; do :; done; mkdir -p "$stage"; '
        f'sleep 1000 & echo $! > "{pid_file}.new"; mv "{pid_file}.new" "{pid_file}"; wait',
    )
    made = child("install", "--supervised", "--json", "--wheels", wheels, "--python", PYTHON, "--uv", slow)
    assert made.stdin is not None
    eventually("uv never started", pid_file.exists)
    assert list(runtimes_folder().glob(".new-*"))
    sleeper = int(pid_file.read_text())
    if end == "close":
        made.stdin.close()
        made.stdin = None
    else:
        made.send_signal(signal.SIGTERM if end == "terminate" else signal.SIGKILL)
    out, err = made.communicate(timeout=PATIENCE)
    assert "Traceback" not in out + err
    if end == "kill":
        os.kill(sleeper, signal.SIGKILL)  # nobody is left to end it
    else:
        assert made.returncode == {"close": 130, "terminate": 143}[end]
        assert not list(runtimes_folder().glob(".new-*"))
    eventually("uv's child lives on", lambda: not runs(sleeper))
    install(options(wheels), silent)
    assert not list(runtimes_folder().glob(".*"))  # whatever was left


@needs_scripts
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_as_uv_starts_leaves_no_child(tmp_path: Path, wheels: Path, number: int, code: int) -> None:
    pid_file = tmp_path / "pid"
    slow = script(
        tmp_path / "uv", f'[ "$1" = --version ] && echo uv 9.9.9 && exit; echo $$ > "{pid_file}"; exec sleep 1000'
    )
    # uv runs, and the line that is told so has not been reached.
    program = """
import os, subprocess, sys, time
from pathlib import Path
from aigc_blender.cli import main

begin, pid_file = subprocess.Popen.__init__, Path(sys.argv[2])

def begin_and_signal(child, command, **more):
    begin(child, command, **more)
    if command[1] == "venv":
        while not (pid_file.exists() and pid_file.read_text().endswith("\\n")):
            time.sleep(0.01)
        os.kill(os.getpid(), int(sys.argv[1]))

subprocess.Popen.__init__ = begin_and_signal
sys.exit(main(sys.argv[3:]))
"""
    words = ["runtime", "install", "--wheels", str(wheels), "--python", str(PYTHON), "--uv", str(slow)]
    ended = subprocess.run(
        [sys.executable, "-c", program, str(int(number)), pid_file, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert ended.returncode == code, ended.stderr
    assert not runs(int(pid_file.read_text()))
    assert not list(runtimes_folder().glob(".new-*"))


def test_two_at_once_make_one(wheels: Path) -> None:
    arguments = ("install", "--json", "--wheels", wheels, "--python", PYTHON, "--uv", uv_program())
    both = [child(*arguments) for _ in range(2)]
    outputs = [made.communicate(timeout=PATIENCE)[0] for made in both]
    assert [made.returncode for made in both] == [0, 0]
    events = [[json.loads(line) for line in output.splitlines()] for output in outputs]
    assert events[0][-1]["python"] == events[1][-1]["python"]
    texts = [{event.get("text") for event in told} for told in events]
    assert sum("Trying torch" in said for said in texts) == 1  # the other waited, or came when all was done
    assert len(environments()) == 1


def test_check_and_remove_from_the_command_line(wheels: Path) -> None:
    install(options(wheels), silent)
    done = child("check", "--json", AIGC_PYTHON="")
    told = json.loads(done.communicate(timeout=PATIENCE)[0])
    assert done.returncode == 0
    assert told["devices"] == ["cpu"]
    assert told["installed"] == [
        {"folder": str(environment_folder("wheels")), "build": "wheels", "current": True, "in_use": False}
    ]
    done = child("check", AIGC_PYTHON="/no/such/python")
    _, err = done.communicate(timeout=PATIENCE)
    assert done.returncode == 2
    assert "/no/such/python" in err
    assert "Traceback" not in err
    done = child("remove")
    done.communicate(timeout=PATIENCE)
    assert done.returncode == 0
    assert not environments()
