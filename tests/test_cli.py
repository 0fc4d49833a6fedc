# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: what it takes and what it refuses."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import pytest

from aigc_blender.cli import main
from aigc_blender.sequence.metadata import read_metadata
from tests.models import tiny_model

ROOT = Path(__file__).parents[1]
FIRE = "--style fire --seed 7 --size 32x48 --loop 48"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def models(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_MODEL_PATH", str(model.parent))


def generate(line: str, *more: object) -> int:
    return main(["generate", "--device", "cpu", *line.split(), *map(str, more)])


def child(*arguments: object, python: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *python, "-m", "aigc_blender", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Test runners in the background may hand down an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no locks in there
    )


def frames(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_the_promised_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "out dir"
    assert (
        generate("--style fire --seed 7 --size 64x32 --frames 1-4 --loop 48 --tile x --set height=0.8 --out", out) == 0
    )
    said = capsys.readouterr()
    assert said.err == ""
    assert sorted(p.name for p in out.iterdir()) == [*(f"fire.{n:04d}.png" for n in range(1, 5)), "fire.recipe.json"]
    assert iio.imread(out / "fire.0001.png").shape == (32, 64, 4)
    assert re.findall(r"^Saved: '(.*)'$", said.out, re.M) == [str(out / f"fire.{n:04d}.png") for n in range(1, 5)]
    assert re.findall(r"^openjd_progress: (\d+\.\d)$", said.out, re.M)[-1] == "100.0"
    assert not re.search("Error:|Exception:|Warning", said.out)  # a farm's strict mode fails a task on these
    assert generate("--frames 1-5x2 --out", tmp_path / "b", "--recipe", out / "fire.recipe.json") == 0
    assert frames(tmp_path / "b").items() >= {(n, frames(out)[n]) for n in ("fire.0001.png", "fire.0003.png")}
    assert generate("--frames 3 --out", tmp_path / "c", "--recipe", out / "fire.0003.png") == 0
    assert frames(tmp_path / "c") == {"fire.0003.png": frames(out)["fire.0003.png"]}


def test_a_model_that_was_collected_beside_its_recipe_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_MODEL_PATH", "")
    shot = tmp_path / "shot"
    model = tiny_model(shot, seed=5)
    assert generate(f"{FIRE} --frames 1 --out", shot, "--model", model) == 0
    monkeypatch.chdir(shot)
    for number, recipe in enumerate((shot / "fire.recipe.json", "fire.recipe.json", "fire.0001.png")):
        assert generate("--frames 1 --out", tmp_path / str(number), "--recipe", recipe) == 0
        assert frames(tmp_path / str(number)) == frames(shot)


def test_every_option_reaches_the_recipe(tmp_path: Path, model: Path) -> None:
    line = "--style caustics --seed 9 --size 32x16 --frames 5 --fps 24000/1001 --tile xy --set scale=0.25"
    assert (
        generate(line, "--element-height", 64, "--format", "exr", "--model", model, "--threads", 2, "--out", tmp_path)
        == 0
    )
    metadata = read_metadata(tmp_path / "caustics.0005.exr")
    assert metadata
    inputs = metadata["inputs"]
    assert inputs.pop("model")
    assert inputs == {
        "generator": 1,
        "style": "caustics",
        "seed": 9,
        "size": [32, 16],
        "fps": "24000/1001",
        "loop": None,
        "tile": "xy",
        "element_height": 64,
        "origin": [0, 0],
        "controls": {"scale": 0.25},
        "frame": 5,
    }


def test_motion_and_blends_reach_the_recipe_and_draw_again(tmp_path: Path, model: Path) -> None:
    line = (
        "--style caustics --size 32x16 --frames 5 --speed -0.5 --pan=-3.5,2 --seed-b 8 --seed-blend 0.25 "
        "--shutter 0.5 --shutter-samples 3"
    )
    assert generate(line, "--out", tmp_path / "a") == 0
    metadata = read_metadata(tmp_path / "a" / "caustics.0005.png")
    assert metadata
    inputs = metadata["inputs"]
    motion = {
        "speed": -0.5,
        "pan": [-3.5, 2.0],
        "seed_b": 8,
        "seed_blend": 0.25,
        "shutter": 0.5,
        "shutter_samples": 3,
    }
    assert inputs | motion == inputs
    assert generate("--frames 5 --recipe", tmp_path / "a" / "caustics.0005.png", "--out", tmp_path / "b") == 0
    assert frames(tmp_path / "b") == frames(tmp_path / "a")
    blend = "--style fire --size 32x16 --frames 2 --style-b caustics --style-blend 0.5 --set scale=1 --set height=0"
    assert generate(blend, "--model", model, "--out", tmp_path / "c") == 0
    assert iio.imread(tmp_path / "c" / "fire.0002.png").shape == (16, 32, 4)
    assert generate(f"--recipe {tmp_path / 'c' / 'fire.recipe.json'} --speed 2 --frames 1 --out", tmp_path / "d") == 2


def test_json_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate(f"{FIRE} --frames 1-2 --out", tmp_path)
    capsys.readouterr()
    assert generate(f"{FIRE} --frames 1-3 --json --out", tmp_path) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(e["number"], e["skipped"]) for e in events if e["type"] == "frame"] == [(1, True), (2, True), (3, False)]
    assert events[-1]["type"] == "done"
    assert (events[-1]["written"], events[-1]["skipped"], events[-1]["stretch"]) == (1, 2, 1)
    assert generate(f"{FIRE} --frames 3-1 --json --out", tmp_path) == 2
    event = json.loads(capsys.readouterr().out)
    assert (event["type"], event["code"]) == ("error", "sequence")


BAD = [
    "--style fog --frames 1",
    "--style fire --frames 1 --set heat=0.5",
    "--style fire --frames 1 --set height=1.5",
    "--style fire --frames 1 --set height=-0.1",
    "--style fire --frames 1 --set height=nan",
    "--style fire --frames 1 --set height=tall",
    "--style fire --frames 1 --set height",
    "--style fire --frames 1 --size 0x64",
    "--style fire --frames 1 --size 64x0",
    "--style fire --frames 1 --size 64",
    "--style fire --frames 1 --size -64x64",
    "--style fire --frames 1 --size 64x64x64",
    "--style fire --frames 1 --size 999999999x64",
    "--style fire --frames 1 --size 50x64 --tile x",
    "--style fire --frames 1 --size 64x64 --tile y",
    "--style fire --frames 1 --size 64x64 --tile xy",
    "--style fire --frames 1 --tile z",
    "--style fire --frames 48-1",
    "--style fire --frames -5",
    "--style fire --frames -5-10",
    "--style fire --frames x",
    "--style fire --frames 1-999999999",
    "--style fire --frames 1 --loop 0",
    "--style fire --frames 1 --loop -48",
    "--style fire --frames 1 --loop two",
    "--style fire --frames 1 --fps 0",
    "--style fire --frames 1 --fps 1/0",
    "--style fire --frames 1 --fps 1e999999999",
    "--style fire --frames 1 --seed -1",
    "--style fire --frames 1 --seed 1.5",
    "--style fire --frames 1 --format gif",
    "--style fire --frames 1 --device abacus",
    "--style fire --frames 1 --device mps",
    "--style fire --frames 1 --threads 0",
    "--style fire --frames 1 --element-height 0",
    "--style fire --frames 1 --model none.safetensors",
    "--style fire --frames 1 --recipe none.json",
    "--style fire --frames 1 --speed 9",
    "--style fire --frames 1 --speed fast",
    "--style fire --frames 1 --pan 3",
    "--style fire --frames 1 --pan 1,2,3",
    "--style fire --frames 1 --pan inf,0",
    "--style fire --frames 1 --pan 0,1",
    "--style fire --frames 1 --seed-b -1",
    "--style fire --frames 1 --seed-blend 0.5",
    "--style fire --frames 1 --style-b water",
    "--style fire --frames 1 --style-blend 1",
    "--style fire --frames 1 --shutter 2",
    "--style fire --frames 1 --shutter 1 --shutter-samples 1",
    "--style fire --frames 1 --nonsense",
    "--recipe none.json --frames 1",
    "--frames 1",
    "--style fire",
]


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_line_and_nothing_else(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--device", "cpu"] if "--device" not in line else []
    assert main(["generate", *arguments, *line.split(), "--out", str(tmp_path / "out" / "deep")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(r"aigc: .+\.\n", said.err), said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["paint"],
        ["generate"],
        ["models", "--all"],
        ["generate", "--style", "fire", "--frames", "1"],
        ["generate", "--style", "fire", "--frames", "", "--out", "never"],
        ["generate", "--style", "fire", "--frames", "1", "--out", ""],
    ],
)
def test_command_lines_that_cannot_be_read(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(r"aigc: .+\.\n", said.err), said.err
    assert not Path("never").exists()


def test_a_recipe_and_its_options_exclude_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "fire.json"
    recipe.write_text('{"style": "fire", "size": [16, 16]}')
    assert generate("--seed 3 --frames 1 --out", tmp_path / "out", "--recipe", recipe) == 2
    assert "leave --seed out" in capsys.readouterr().err
    recipe.write_text('{"style": "fire", "size": [16, 16], "model": "' + "ab" * 32 + '"}')
    for more in ((), ("--model", os.environ["AIGC_MODEL_PATH"] + "/tiny.safetensors")):
        assert generate("--frames 1 --out", tmp_path / "out", "--recipe", recipe, *more) == 2
    assert not (tmp_path / "out").exists()


def test_damaged_and_foreign_models(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = model.read_bytes()
    for number, bad in enumerate((b"", b"GIF89a" * 99, data[:7], data[:300], data[: len(data) // 2], data[:-1])):
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(bad)
        assert generate("--style fire --frames 1 --out", tmp_path / "out", "--model", path) == 2
        said = capsys.readouterr().err
        assert re.fullmatch(r"aigc: .+\.\n", said), said
        assert path.name in said
    assert not (tmp_path / "out").exists()


def test_places_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("precious")
    for out in (file, file / "out"):
        assert generate(f"{FIRE} --frames 1 --out", out) == 2
        assert re.fullmatch(r"aigc: .+\.\n", capsys.readouterr().err)
    assert file.read_text() == "precious"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o500)
    assert generate(f"{FIRE} --frames 1 --out", tmp_path / "out") == 2
    tmp_path.chmod(0o700)
    assert "Permission denied" in capsys.readouterr().err


def test_models_as_json(capsys: pytest.CaptureFixture[str], model: Path) -> None:
    assert main(["models", "--json"]) == 0
    tiny = next(m for m in json.loads(capsys.readouterr().out) if m["path"] == str(model))
    assert {"name", "path", "digest", "styles", "rights", "licence"} <= set(tiny)
    fire = tiny["styles"][0]
    assert (fire["name"], fire["anchored"], fire["controls"][0]["name"]) == ("fire", ["y"], "height")
    assert "thumbnail" not in fire
    assert tiny["rights"]["statement"]
    assert main(["models"]) == 0
    assert "caustics" in capsys.readouterr().out


def test_check_tells_the_truth(capsys: pytest.CaptureFixture[str], model: Path) -> None:
    assert main(["check"]) == 0
    assert "torch" in capsys.readouterr().out
    broken = model.parent / "broken.safetensors"
    broken.write_bytes(b"half a mod")
    try:
        assert main(["check", "--json"]) == 1
    finally:
        broken.unlink()
    report = json.loads(capsys.readouterr().out)
    assert "broken.safetensors" in report["missing"][0]
    assert "cpu" in report["devices"]


def test_without_torch_it_runs_in_the_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_PYTHON", sys.executable)
    # Without site packages, as Blender's own Python has none of ours.
    process = child("generate", *FIRE.split(), "--frames", 1, "--out", tmp_path / "out", python=("-S",))
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert f"Saved: '{tmp_path / 'out' / 'fire.0001.png'}'" in out
    process = child("generate", *FIRE.split(), "--frames", 1, "--set", "heat=1", "--out", tmp_path, python=("-S",))
    _, err = process.communicate()
    assert process.returncode == 2
    assert re.fullmatch(r"aigc: .*heat.+\.\n", err), err


def test_without_any_torch_it_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_PYTHON", str(tmp_path / "no" / "python"))
    process = child("generate", *FIRE.split(), "--frames", 1, "--out", tmp_path / "out", python=("-S",))
    _, err = process.communicate()
    assert process.returncode == 2
    assert re.fullmatch(r"aigc: .*no/python.+choose another Python or install the runtime\.\n", err), err
    assert not (tmp_path / "out").exists()
    process = child("check", python=("-S",))
    out, _ = process.communicate()
    assert process.returncode == 1
    assert "no/python" in out
