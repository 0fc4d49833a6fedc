# SPDX-License-Identifier: GPL-3.0-or-later
"""States on disk: the last few, each whole, and the newest whole one is what is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.errors import TrainingError
from training.run.state import KEPT, load_state, save_state, state_files


def state(step: int) -> dict[str, Any]:
    return {"steps": step, "weights": torch.full((3,), step / 7)}


def silent(_: str) -> None:
    pass


def test_the_last_states_are_kept_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "states"
    assert load_state(folder) is None
    for step in range(KEPT + 3):
        folder.mkdir(exist_ok=True)
        (folder / "000009-00000000.pt.tmp").write_bytes(b"left by a process that was killed")
        save_state(folder, state(step))
        assert len(list(folder.iterdir())) == min(step + 1, KEPT)
    newest = load_state(folder)
    assert newest is not None
    assert newest["steps"] == KEPT + 2
    assert torch.equal(newest["weights"], state(KEPT + 2)["weights"])


@given(st.lists(st.sampled_from(["save", "damage", "cut"]), max_size=12))
def test_whatever_happens_to_states_the_newest_whole_one_is_read(
    tmp_path_factory: pytest.TempPathFactory, happenings: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("run") / "states"
    whole: list[int] = []
    newest_is_whole = False
    for step, happening in enumerate(happenings):
        if happening == "save":
            save_state(folder, state(step))
            whole = [*whole, step][-KEPT:]
            newest_is_whole = True
        elif newest_is_whole:
            path = state_files(folder)[0]
            data = path.read_bytes()
            middle = len(data) // 2
            path.write_bytes(data[:middle] + (bytes([data[middle] ^ 4]) + data[middle + 1 :]) * (happening == "damage"))
            whole.pop()
            newest_is_whole = False
    if whole:
        found = load_state(folder, silent)
        assert found is not None
        assert found["steps"] == whole[-1]
    elif state_files(folder):
        with pytest.raises(TrainingError, match="damaged"):
            load_state(folder, silent)
    else:
        assert load_state(folder, silent) is None
    assert len(state_files(folder)) <= KEPT + 1


def test_a_state_that_torch_cannot_read_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    import zlib

    save_state(tmp_path, state(0))
    foreign = b"whole, and not torch's"
    (tmp_path / f"000002-{zlib.crc32(foreign):08x}.pt").write_bytes(foreign)
    with pytest.raises(TrainingError, match="another version"):
        load_state(tmp_path)
