# SPDX-License-Identifier: GPL-3.0-or-later
"""Previews through a real worker: the newest wins, whatever else it is at."""

from __future__ import annotations

import itertools
import queue
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aigc_blender.library import find_models
from aigc_blender.recipe import Recipe
from aigc_blender.runtime.code import install_code, worker_command
from aigc_blender.runtime.environment import child_environment
from aigc_blender.runtime.find import look_at
from aigc_blender.worker.buffer import SLOTS, PreviewBuffer
from aigc_blender.worker.client import Inbox, WorkerClient
from aigc_blender.worker.protocol import LAST, Message
from tests.models import tiny_model

PATIENCE = 120.0  # seconds; only a fault ever waits so long
LIMIT = 64 * 64


@pytest.fixture(scope="module")
def fire(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Path]:
    """A recipe of the tests' model, and its folder."""
    folder = tmp_path_factory.mktemp("models")
    path = tiny_model(folder)
    digest = next(m.digest for m in find_models((folder,))[0] if m.path == path)
    return Recipe("fire", model=digest, seed=7, width=64, height=64, loop=48), folder


@pytest.fixture(scope="module")
def worker(fire: tuple[Recipe, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerClient]:
    env = {**child_environment(), "AIGC_MODEL_PATH": str(fire[1])}
    command = worker_command(look_at(Path(sys.executable)), install_code())
    client = WorkerClient(command, tmp_path_factory.mktemp("log") / "worker.txt", env)
    client.start()
    yield client
    client.stop()
    assert client.log.read_text() == ""


@pytest.fixture
def buffer(tmp_path: Path) -> Iterator[PreviewBuffer]:
    made = PreviewBuffer.create(tmp_path / "preview", LIMIT)
    yield made
    made.remove()
    assert not made.path.exists()


class Asker:
    """Asks for previews and takes the answers apart from all others."""

    def __init__(self, worker: WorkerClient, buffer: PreviewBuffer, inbox: Inbox | None = None) -> None:
        self._worker, self._buffer = worker, buffer
        self._inbox: Inbox = inbox or queue.SimpleQueue()

    def ask(self, recipe: Recipe, frame: object, **fields: Any) -> int:
        given = {"limit": LIMIT, "straight": False, "device": "cpu", "buffer": str(self._buffer.path), **fields}
        return self._worker.send("preview", self._inbox, recipe=recipe.to_dict(), frame=frame, **given)

    def answers(self, last: int) -> dict[int, Message]:
        """All answers up to that of a request."""
        found: dict[int, Message] = {}
        while last not in found:
            message = self._inbox.get(timeout=PATIENCE)
            found[message["id"]] = message
        return found


def test_the_newest_of_many_is_drawn_and_every_request_answered(
    worker: WorkerClient, buffer: PreviewBuffer, fire: tuple[Recipe, Path]
) -> None:
    recipe, _ = fire
    asker = Asker(worker, buffer)
    requests = [asker.ask(replace(recipe, seed=seed), 1) for seed in range(200)]
    answers = asker.answers(requests[-1])
    assert sorted(answers) == requests
    assert not answers[requests[-1]]["dropped"]
    dropped = sum(answer["dropped"] for answer in answers.values())
    assert dropped
    shown = buffer.read(answers[requests[-1]]["slot"], requests[-1])
    assert shown is not None
    again = asker.ask(replace(recipe, seed=199), 1)
    repeated = buffer.read(asker.answers(again)[again]["slot"], again)
    assert repeated is not None
    assert shown.std() > 0.01
    np.testing.assert_array_equal(shown, repeated)
    assert not worker.poll() or all(m["type"] == "hello" for m in worker.poll())  # the others' inbox stays theirs


def test_requests_that_never_pause_still_show_pictures(
    worker: WorkerClient, buffer: PreviewBuffer, fire: tuple[Recipe, Path]
) -> None:
    inbox: Inbox = queue.SimpleQueue()
    asker = Asker(worker, buffer, inbox)
    shown, deadline = 0, time.monotonic() + PATIENCE
    for seed in itertools.count(1000):
        asker.ask(replace(fire[0], seed=seed), 1)  # another trunk each time, and a newer one always waits
        time.sleep(0.001)
        while not inbox.empty():
            shown += not inbox.get()["dropped"]
        if shown >= 5:
            break
        assert time.monotonic() < deadline, "always the next one"


def test_neither_a_generation_nor_a_preview_waits_for_the_other(
    worker: WorkerClient, buffer: PreviewBuffer, fire: tuple[Recipe, Path], tmp_path: Path
) -> None:
    recipe, _ = fire
    asker = Asker(worker, buffer)
    long = replace(recipe, width=1280, height=1280, loop=None)
    generation = worker.send(
        "generate", recipe=long.to_dict(), frames=list(range(1000)), folder=str(tmp_path / "out"), device="cpu"
    )
    seen: list[Message] = []
    for frame in range(20):
        request = asker.ask(recipe, frame)
        assert asker.answers(request)[request]["dropped"] is False
        seen += worker.poll()
    deadline = time.monotonic() + PATIENCE
    while not any(m["type"] == "progress" for m in seen):
        assert time.monotonic() < deadline
        time.sleep(0.01)
        seen += worker.poll()
    assert not any(m["type"] in LAST and m["id"] == generation for m in seen)
    worker.cancel(generation)
    while not any(m["type"] == "done" for m in seen):
        seen += worker.poll()
    assert seen[-1]["cancelled"]


@pytest.mark.parametrize(
    ("changes", "fields", "code"),
    [
        ({"style": "fog"}, {}, "recipe"),
        ({"model": "ab"}, {}, "model"),
        ({"tile": "y"}, {}, "recipe"),
        ({}, {"limit": 3}, "recipe"),
        ({}, {"frame": None}, "worker"),
        ({}, {"device": "abacus"}, "device"),
        ({}, {"buffer": "/no/such/file"}, "error"),
    ],
)
def test_a_bad_request_is_one_error_and_the_next_is_drawn(
    worker: WorkerClient,
    buffer: PreviewBuffer,
    fire: tuple[Recipe, Path],
    changes: dict[str, Any],
    fields: dict[str, Any],
    code: str,
) -> None:
    asker = Asker(worker, buffer)
    bad = asker.ask(replace(fire[0], **changes), **{"frame": 1, **fields})
    answer = asker.answers(bad)[bad]
    assert (answer["type"], answer["code"]) == ("error", code)
    assert answer["text"].endswith(".")
    good = asker.ask(fire[0], 1)
    assert asker.answers(good)[good]["type"] == "preview"


def test_a_worker_that_ends_answers_what_is_open_with_its_reason(tmp_path: Path, fire: tuple[Recipe, Path]) -> None:
    command = worker_command(look_at(Path(sys.executable)), install_code())
    client = WorkerClient([command[0], "-S", *command[1:]], tmp_path / "log")  # no torch
    client.start()
    buffer = PreviewBuffer.create(tmp_path / "preview", LIMIT)
    asker = Asker(client, buffer)
    request = asker.ask(fire[0], 1)
    answer = asker.answers(request)[request]
    assert (answer["code"], "torch" in answer["text"]) == ("runtime", True)
    client.stop()


def test_a_picture_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    """What one mapping writes another one reads; a slot that is filled anew is nobody's until it is done."""
    ours = PreviewBuffer.create(tmp_path / "preview", LIMIT)
    theirs = PreviewBuffer(tmp_path / "preview")
    pictures = {stamp: np.full((stamp, 7, 4), stamp, np.float32) for stamp in range(1, 6)}
    slots = {stamp: theirs.write(stamp, picture) for stamp, picture in pictures.items()}
    for stamp, picture in pictures.items():
        found = ours.read(slots[stamp], stamp)
        if stamp <= 5 - SLOTS:
            assert found is None  # written over
        else:
            assert found is not None
            np.testing.assert_array_equal(found, picture)
    theirs.close()
    ours.remove()


def test_a_writer_without_rest_never_shows_a_torn_picture(tmp_path: Path) -> None:
    ours = PreviewBuffer.create(tmp_path / "preview", LIMIT)
    program = """
import sys; from pathlib import Path; import numpy as np
from aigc_blender.worker.buffer import PreviewBuffer
buffer = PreviewBuffer(Path(sys.argv[1]))
for stamp in range(1, 20001):
    buffer.write(stamp, np.full((64, 64, 4), stamp, np.float32))
"""
    child = subprocess.Popen([sys.executable, "-c", program, str(ours.path)], cwd=Path(__file__).parents[2])
    whole = torn = stamp = 0
    while child.poll() is None:
        for slot in range(SLOTS):
            stamp = ours.stamp(slot)
            picture = ours.read(slot, stamp) if stamp else None
            if picture is not None:
                whole += 1
                torn += bool((picture != stamp).any())
    assert child.returncode == 0
    assert whole
    assert not torn
    ours.remove()
