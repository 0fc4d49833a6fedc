# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes train as one does, hand runs over to each other, stop together, and none waits for one that is gone."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from torch.nn.utils import parameters_to_vector

from aigc_blender.generator.checkpoint import load_model
from tests.models import tiny_model
from tests.training.test_fit import SMALL, curve, folder_of_run, run, waves
from tests.training.test_trainer import two_styles
from training.distributed import ALONE, Team
from training.errors import TrainingError
from training.footage.clips import draw_batch
from training.run.state import load_state
from training.warm import warm_network

ROOT = Path(__file__).parents[2]
BATCH = 4
STEPS = 6
# Sums over a batch are rounded otherwise when they are made of two. Adam without momentum divides by what it has just
# seen, so that the difference grows from step to step: seen here are 2e-7 at the first and 4e-4 at the sixth.
TOLERANCE = 5e-3
# What two processes do in one start of them: a run from its beginning, the rest of a run that one process began, the
# team's promises, a run until one gets a signal, and the command until one is killed.
TWO = """
import json, os, sys, time
from dataclasses import replace
from pathlib import Path
import torch
from tests.training.test_distributed import BATCH, SMALL, STEPS, run
from training.__main__ import main
from training.distributed import join_team
from training.errors import RunFailedError
folder, film, port = *map(Path, sys.argv[1:3]), sys.argv[3]
with join_team(torch.device("cpu")) as (team, device):
    (folder / f"process {team.rank}").write_text(str(os.getpid()))
    config = replace(SMALL, batch=BATCH, imprint=1.0)
    print("heard from", team.rank)
    with team.leader_first():
        if team.leads:
            time.sleep(0.2)
            (folder / "made by the leader").touch()
        found = (folder / "made by the leader").exists()
    run(folder / "begun by two", STEPS - 2, config, team=team)
    run(folder / "begun by one", STEPS, config, team=team)
    weights = [torch.ones(3), torch.arange(2.0)]
    team.check_alike(weights)
    weights[0][1] += team.rank * 1e-6
    try:
        team.check_alike(weights)
    except RunFailedError as error:
        parted = str(error)
    said = {"found": found, "parted": parted, "any": team.any(team.rank == 1, False), "told": team.told(team.rank)}
    said["finished"] = run(folder / "stopped", 10**6, config, team=team)
    (folder / f"said by {team.rank}.json").write_text(json.dumps(said))
# A second team in the same processes must not find what the first left in its store.
os.environ |= {"TORCHELASTIC_USE_AGENT_STORE": "False", "MASTER_PORT": port}
out, start = folder / "killed" / "out.safetensors", folder / "killed" / "tiny.safetensors"
options = f"--size 32 --batch 4 --steps 1000000 --device cpu --cache {folder}/cache --from {start} --out {out}"
sys.exit(main(["fit", str(film), *options.split()]))
"""


@dataclass(frozen=True)
class Done:
    """What two processes left: their folder, what torchrun passed on, and its exit code."""

    folder: Path
    printed: str
    errors: str
    code: int


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """``TWO``, with the signals that it waits for, and what one process does of it."""
    folder = tmp_path_factory.mktemp("two")
    config = replace(SMALL, batch=BATCH, imprint=1.0)
    for name in ("one", "begun by one", "begun by two", "stopped", "killed"):
        (folder / name).mkdir()
        tiny_model(folder / name)
    film = folder / "film.mkv"
    clip = np.random.default_rng(0).integers(256, size=(24, 32, 40, 3), dtype=np.uint8)
    iio.imwrite(film, clip, plugin="pyav", codec="ffv1", fps=12, in_pixel_format="rgb24", out_pixel_format="bgr0")
    assert run(folder / "one", STEPS, config)
    assert run(folder / "begun by one", 2, config)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    launcher = subprocess.Popen(
        [sys.executable, *launch, sys.executable, "-c", TWO, str(folder), str(film), str(port)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        for name, number in (("stopped", signal.SIGTERM), ("killed", signal.SIGKILL)):
            events = folder_of_run(folder / name) / "events.jsonl"
            while launcher.poll() is None and not events.exists():
                time.sleep(0.02)
            if launcher.poll() is None:
                os.kill(int((folder / "process 1").read_text()), number)
        printed, errors = launcher.communicate(timeout=100)
    finally:
        launcher.terminate()  # it ends the others, then itself
        launcher.wait()
    assert run(folder / "begun by two", STEPS, config)
    return Done(folder, printed, errors, launcher.returncode)


def test_shares_make_up_the_batch() -> None:
    """Each process draws all random numbers and reads its own clips: together what one process draws."""
    footage = two_styles()
    shapes = (8, 2, 32, 2, torch.device("cpu"))
    for size in (1, 2, 4, 8):
        for seed in range(5):
            rng = np.random.default_rng(seed)
            whole = draw_batch(footage, rng, *shapes)
            after = rng.random()
            parts = []
            for rank in range(size):
                rng = np.random.default_rng(seed)
                parts.append(draw_batch(footage, rng, *shapes, share=Team(rank, size).share(8)))
                assert rng.random() == after, "what is drawn next is the same in every process"
            assert torch.equal(torch.cat([p.clips for p in parts]), whole.clips)
            assert torch.equal(torch.cat([p.claim.style for p in parts]), whole.claim.style)
            assert torch.equal(torch.cat([p.claim.controls for p in parts]), whole.claim.controls)
            assert torch.equal(torch.cat([p.claim.placement.base for p in parts]), whole.claim.placement.base)
            assert torch.equal(torch.cat([p.period_x for p in parts]), whole.period_x)


@pytest.mark.parametrize(("batch", "size", "near"), [(7, 2, "6 or 8"), (3, 8, "give 8"), (9, 4, "8 or 12")])
def test_a_batch_that_does_not_split_is_refused_with_the_ones_that_do(batch: int, size: int, near: str) -> None:
    with pytest.raises(TrainingError, match=f"--batch {batch} .* {size} processes.*{near}") as refused:
        Team(1, size).check_batch(batch)
    assert refused.value.exit_code == 2
    Team(0, size).check_batch(size * 3)
    ALONE.check_batch(batch)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["begun by two", "begun by one"])
def test_the_same_batch_gives_the_same_curve_in_whatever_number_of_processes(name: str, two: Done) -> None:
    expected, found = curve(two.folder / "one"), curve(two.folder / name)
    assert found.keys() == expected.keys() == set(range(1, STEPS + 1)), two.errors
    for step, losses in expected.items():
        # The size of a gradient feels a rounding more than what it is the gradient of: 3e-3 was seen.
        sizes = [values.get("gradient", 0.0) for values in (found[step], losses)]
        assert sizes[0] == pytest.approx(sizes[1], rel=4 * TOLERANCE), f"step {step}"
        for part in losses.keys() - {"gradient"}:
            assert found[step][part] == pytest.approx(losses[part], rel=TOLERANCE, abs=1e-6), f"step {step}: {part}"
    begun = warm_network(load_model(two.folder / "one" / "tiny.safetensors"), [waves().style])
    trained = [load_model(two.folder / n / "out.safetensors").network for n in ("one", name)]
    start, one, other = (parameters_to_vector(n.parameters()) for n in (begun, *trained))
    # Seen: 6e-3. Another batch, or gradients summed instead of averaged, would be near 1.
    assert (other - one).norm() < 10 * TOLERANCE * (one - start).norm()


@pytest.mark.slow
def test_the_processes_agree_and_the_leader_alone_speaks(two: Done) -> None:
    for rank in range(2):
        said = json.loads((two.folder / f"said by {rank}.json").read_text())
        assert said["found"], "the leader went first"
        assert "weights have parted" in said["parted"]
        assert said["any"] == [True, False]
        assert said["told"] == 0
    assert "heard from 0" in two.printed
    assert "heard from 1" not in two.printed
    speeds = re.findall(r"([\d.]+) clips/s, ([\d.]+) a process; scaling efficiency (\d+)%", two.printed)
    assert len(speeds) == 2, "one line a run that reached its end"
    for together, each, _ in speeds:
        assert float(together) == pytest.approx(2 * float(each), rel=0.02)


@pytest.mark.slow
def test_a_signal_to_one_process_stops_all_after_the_same_step(two: Done) -> None:
    for rank in range(2):
        assert json.loads((two.folder / f"said by {rank}.json").read_text())["finished"] is False
    state = load_state(folder_of_run(two.folder / "stopped") / "states")
    assert state is not None
    assert state["steps"] == max(curve(two.folder / "stopped")), "the step in hand was finished and saved"


@pytest.mark.slow
def test_the_death_of_one_process_ends_the_others_with_a_sentence(two: Done) -> None:
    assert two.code == 1
    assert "Process 0 of 2 ends because another one has ended" in two.errors
    assert str(ROOT / "training") not in two.errors, "the only traceback is the launcher's own"
    assert load_state(folder_of_run(two.folder / "killed") / "states") is not None, "what was saved before is intact"
