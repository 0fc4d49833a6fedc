# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker as Blender has it: a real child process."""

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aigc_blender.card import read_model_file
from aigc_blender.errors import AigcError, WorkerError
from aigc_blender.recipe import Recipe
from aigc_blender.runtime.code import install_code, worker_command
from aigc_blender.runtime.environment import child_environment
from aigc_blender.runtime.find import look_at
from aigc_blender.sequence.metadata import read_metadata
from aigc_blender.worker.client import WorkerClient
from aigc_blender.worker.protocol import LAST, PROTOCOL, Message, decode, encode
from tests.blender.kit import model_folder

FIRE = Recipe("fire", seed=7, width=32, height=48, loop=48)
LARGE = Recipe("fire", seed=7, width=1280, height=1280)  # some frames a second
NO_ROOM = 2**46  # bytes of a thread's stack, for which no system has any
PATIENCE = 120.0  # seconds; only a fault ever waits so long


@pytest.fixture(scope="module")
def command() -> list[str]:
    return worker_command(look_at(Path(sys.executable)), install_code())


@pytest.fixture(scope="module")
def env() -> dict[str, str]:
    return {**child_environment(), "AIGC_MODEL_PATH": str(model_folder())}


@functools.cache
def digest() -> str:
    """Of the tests' model."""
    (path,) = model_folder().glob("*.safetensors")
    return read_model_file(path).digest


@pytest.fixture
def worker(command: list[str], env: dict[str, str], tmp_path: Path) -> Iterator[WorkerClient]:
    client = WorkerClient(command, tmp_path / "log" / "worker.txt", env)
    client.start()
    yield client
    client.stop()


@pytest.fixture(scope="module")
def warm(command: list[str], env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerClient]:
    """One worker for the tests that leave it as it was."""
    client = WorkerClient(command, tmp_path_factory.mktemp("log") / "worker.txt", env)
    client.start()
    yield client
    client.stop()
    assert not client.alive


def until(client: WorkerClient, wanted: Callable[[Message], bool]) -> list[Message]:
    """Messages up to the wanted one."""
    seen: list[Message] = []
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for message in client.poll():
            seen.append(message)
            if wanted(message):
                return seen
        time.sleep(0.01)
    raise AssertionError(f"it never came; seen: {seen}; log: {client.log.read_text()}")


def last(client: WorkerClient, request: int) -> list[Message]:
    return until(client, lambda m: m["id"] == request and m["type"] in LAST)


def generate(client: WorkerClient, folder: Path, recipe: Recipe = FIRE, frames: object = (1, 2), **more: Any) -> int:
    frames = list(frames) if isinstance(frames, tuple | range) else frames
    recipe = replace(recipe, model=recipe.model or digest())  # a bundled model draws fire as well, but takes its time
    return client.send("generate", recipe=recipe.to_dict(), frames=frames, folder=str(folder), device="cpu", **more)


def gone(pid: int) -> bool:
    """Whether a process that is no child of ours, or was reaped, ends before our patience does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_hello_models_and_frames(worker: WorkerClient, tmp_path: Path) -> None:
    first = generate(worker, tmp_path / "out", frames=range(1, 9), format="exr", stem="Mein Feuer ü")
    models = worker.send("models")
    seen = last(worker, models)
    hello = seen[0]
    assert (hello["type"], hello["id"], hello["protocol"]) == ("hello", 0, PROTOCOL)
    assert "cpu" in hello["devices"]
    answers = [m for m in seen if m["id"] == first]
    assert [m["number"] for m in answers if m["type"] == "frame"] == list(range(1, 9))
    assert all(read_metadata(Path(m["path"])) for m in answers if m["type"] == "frame")
    assert answers[-1] == {
        "type": "done",
        "id": first,
        "folder": str(tmp_path / "out"),
        "written": 8,
        "skipped": 0,
        "cancelled": False,
        "stretch": 1.0,
    }
    assert (tmp_path / "out" / "Mein Feuer ü.0008.exr").exists()
    assert [s["name"] for s in seen[-1]["models"][-1]["styles"]] == ["fire", "caustics"]
    assert (
        last(worker, generate(worker, tmp_path / "out", frames=(8, 9), format="exr", stem="Mein Feuer ü"))[-1][
            "skipped"
        ]
        == 1
    )
    worker.stop()
    assert not worker.alive
    assert worker.log.read_text() == ""


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("paint", {}, "worker"),
        ("generate", {}, "recipe"),
        ("generate", {"recipe": {"style": "fog"}, "frames": [1], "folder": "never"}, "recipe"),
        ("generate", {"recipe": {"style": "fire", "size": [0, 0]}, "frames": [1], "folder": "never"}, "recipe"),
        ("generate", {"recipe": {"style": "fire", "model": "ab"}, "frames": [1], "folder": "never"}, "model"),
        ("generate", {"recipe": {"style": "fire"}, "frames": [], "folder": "never"}, "sequence"),
        ("generate", {"recipe": {"style": "fire"}, "frames": [-1], "folder": "never"}, "sequence"),
        ("generate", {"recipe": {"style": "fire"}, "frames": ["1"], "folder": "never"}, "sequence"),
        ("generate", {"recipe": {"style": "fire"}, "frames": [1]}, "sequence"),
        ("generate", {"recipe": {"style": "fire"}, "frames": [1], "folder": "never", "format": "gif"}, "sequence"),
        ("generate", {"recipe": {"style": "fire"}, "frames": [1], "folder": "never", "stem": "../up"}, "sequence"),
        ("generate", {"recipe": {"style": "fire"}, "frames": [1], "folder": "never", "device": "abacus"}, "device"),
    ],
)
def test_a_bad_request_is_one_error_and_the_worker_lives(
    warm: WorkerClient, kind: str, fields: dict[str, Any], code: str
) -> None:
    request = warm.send(kind, **fields)
    answers = [m for m in last(warm, request) if m["id"] == request]
    assert [(m["type"], m["code"]) for m in answers] == [("error", code)]
    assert "\n" not in answers[0]["text"]
    assert answers[0]["text"].endswith(".")
    assert not Path("never").exists()
    assert warm.alive


def test_cancelling_the_running_and_the_waiting(warm: WorkerClient, tmp_path: Path) -> None:
    running = generate(warm, tmp_path / "a", LARGE, range(1000))
    waiting = generate(warm, tmp_path / "b", LARGE, range(1000))
    after = generate(warm, tmp_path / "c")
    warm.cancel(waiting)
    until(warm, lambda m: m["type"] == "progress")
    warm.cancel(running)
    seen = last(warm, after)
    done = {m["id"]: m for m in seen if m["type"] == "done"}
    assert done[running]["cancelled"]
    assert done[waiting]["cancelled"]
    assert not done[after]["cancelled"]
    assert done[running]["written"] < 1000
    assert done[waiting]["written"] == 0
    left = list((tmp_path / "a").iterdir())
    assert all(path.suffix == ".json" or read_metadata(path) for path in left)
    assert len(list((tmp_path / "a").glob("*.png"))) == done[running]["written"]
    warm.cancel(running)  # long over: nothing happens
    assert last(warm, warm.send("models"))[-1]["type"] == "models"


def test_killed_in_the_middle_every_request_is_answered(worker: WorkerClient, tmp_path: Path) -> None:
    requests = [generate(worker, tmp_path / "a", LARGE, range(1000)), worker.send("models")]
    until(worker, lambda m: m["type"] == "progress")
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    seen = last(worker, requests[1])
    errors = [m for m in seen if m["type"] == "error"]
    assert [(m["id"], m["code"]) for m in errors] == [(request, "worker") for request in requests]
    assert "ended unexpectedly" in errors[0]["text"]
    assert not worker.alive
    with pytest.raises(WorkerError):
        worker.send("models")
    worker.stop()
    assert all(read_metadata(path) for path in (tmp_path / "a").glob("*.png"))


def test_it_dies_with_the_process_that_started_it(command: list[str], env: dict[str, str], tmp_path: Path) -> None:
    """A crash of Blender closes the worker's stdin, whatever it is doing."""
    program = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from aigc_blender.worker.client import WorkerClient
client = WorkerClient({command!r}, Path({str(tmp_path / "log")!r}), {env!r})
client.start()
client.send("generate", recipe={replace(LARGE, model=digest()).to_dict()!r}, frames=list(range(1000)), folder={str(tmp_path / "out")!r})
while not any(message["type"] == "progress" for message in client.poll()):
    time.sleep(0.01)
print(client.pid, flush=True)
time.sleep(600)
"""
    blender = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert blender.stdout is not None
    pid = int(blender.stdout.readline())
    assert not blender.poll()
    os.kill(pid, 0)  # it runs
    blender.kill()
    blender.communicate()
    assert gone(pid)
    assert all(read_metadata(path) for path in (tmp_path / "out").glob("*.png"))


def test_stopping_in_the_middle(worker: WorkerClient, tmp_path: Path) -> None:
    request = generate(worker, tmp_path / "a", LARGE, range(1000))
    until(worker, lambda m: m["type"] == "progress")
    worker.stop(timeout_s=PATIENCE)
    assert worker.pid
    assert gone(worker.pid)
    answer = last(worker, request)[-1]
    assert answer["type"] == "error" or answer["cancelled"]
    assert not list((tmp_path / "a").glob(".*"))
    worker.stop()


def test_one_that_leaves_before_its_work_is_done_finishes_the_file_at_hand(env: dict[str, str], tmp_path: Path) -> None:
    """Drawing may outlast the grace, while a frame that was drawn before is being written."""
    program = """
import sys, time
from pathlib import Path
from aigc_blender.sequence import writer
from aigc_blender.worker import server
encode, half = writer.encode_frame, Path(sys.argv[1])
def slowly(path, *args):
    encode(path, *args)
    half.touch()
    time.sleep(2)
writer.encode_frame, server.GRACE_SECONDS = slowly, 0.0
sys.exit(server.main())
"""
    here = {**env, "PYTHONPATH": os.pathsep.join(sys.path)}
    client = WorkerClient([sys.executable, "-c", program, str(tmp_path / "half")], tmp_path / "log", here)
    client.start()
    generate(client, tmp_path / "a", frames=range(1, 9))
    deadline = time.monotonic() + PATIENCE
    while not (tmp_path / "half").exists():
        assert time.monotonic() < deadline, client.log.read_text()
        time.sleep(0.01)
    client.stop(timeout_s=PATIENCE)
    assert client.pid
    assert gone(client.pid)
    assert not list((tmp_path / "a").glob(".*"))
    written = list((tmp_path / "a").glob("*.png"))
    assert written
    assert all(read_metadata(path) for path in written)


def test_a_worker_that_hangs_is_killed(tmp_path: Path) -> None:
    client = WorkerClient([sys.executable, "-c", "import time; time.sleep(600)"], tmp_path / "log")
    client.start()
    request = client.send("models")
    client.stop(timeout_s=0.1)
    assert client.pid
    assert gone(client.pid)
    assert last(client, request)[-1]["code"] == "worker"


def test_a_large_request_does_not_wait_for_a_slow_worker(tmp_path: Path) -> None:
    client = WorkerClient([sys.executable, "-c", "import time; time.sleep(600)"], tmp_path / "log")
    client.start()
    client.send("generate", frames=list(range(500_000)))  # far more than a pipe holds
    client.stop(timeout_s=0.1)


def test_without_threads_it_says_so_and_leaves_no_process(
    command: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    client = WorkerClient(command, tmp_path / "worker.txt", env)
    threading.stack_size(NO_ROOM)
    try:
        with pytest.raises(AigcError, match="no more threads"):
            client.start()
    finally:
        threading.stack_size(0)
    assert not client.alive
    assert client.pid is not None
    assert gone(client.pid)


def test_a_command_that_cannot_be_run(tmp_path: Path) -> None:
    client = WorkerClient([str(tmp_path / "none")], tmp_path / "log")
    with pytest.raises(WorkerError, match="cannot be started"):
        client.start()
    assert not client.alive
    client.stop()


def test_what_a_runtime_without_torch_says(command: list[str], tmp_path: Path) -> None:
    client = WorkerClient([command[0], "-S", *command[1:]], tmp_path / "log")
    client.start()
    request = client.send("models")
    seen = last(client, request)
    assert (seen[0]["id"], seen[0]["code"]) == (0, "runtime")
    assert "torch" in seen[0]["text"]
    client.stop()


def test_lines_that_are_no_message_are_logged_and_passed_over(command: list[str], env: dict[str, str]) -> None:
    process = subprocess.run(
        command,
        input=b'not json\n[]\n{"type": 3}\n{"type": "quit", "id": 1}\n',
        env=env,
        capture_output=True,
        check=True,
    )
    assert [decode(line)["type"] for line in process.stdout.splitlines()] in ([], ["hello"])
    assert process.stderr.count(b"not a message") == 3


def test_a_message_is_one_line() -> None:
    message = {"type": "error", "id": 3, "text": "zwei\nZeilen \u2028 ü"}
    assert encode(message).count(b"\n") == 1
    assert encode(message).isascii()
    assert decode(encode(message)) == message
