# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of the worker."""

from __future__ import annotations

import pytest

from aigc_blender.errors import SequenceError
from aigc_blender.worker.protocol import error_message


def test_a_fault_of_ours_is_told_in_one_line_and_logged_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    message = error_message(
        RuntimeError("CUDA error: unknown error\nFor debugging consider\n  CUDA_LAUNCH_BLOCKING=1"), 3
    )
    assert message["text"] == (
        "The worker failed (RuntimeError: CUDA error: unknown error For debugging consider CUDA_LAUNCH_BLOCKING=1); "
        "its log says where."
    )
    assert (message["id"], message["code"]) == (3, "internal")
    assert "error\nFor debugging" in capsys.readouterr().err


def test_an_error_for_the_user_is_told_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    message = error_message(SequenceError("The folder is full; free some space."), 1)
    assert message == {"type": "error", "id": 1, "code": "sequence", "text": "The folder is full; free some space."}
    assert capsys.readouterr().err == ""
