"""birefcli cut, as typed: its options reach the pictures, and what goes wrong has its exit code."""

import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
from fakes import draw, draw_files
from PIL import Image
from running import cut, lines, only_sentence

from birefcli.batch.journal import Journal
from birefcli.errors import ExitCode

pytestmark = pytest.mark.usefixtures("here")


def test_only_corrupt_pictures_is_one_and_no_pictures_is_three(here: Path) -> None:
    (here / "p").mkdir()
    assert cut("p").exit_code == ExitCode.NO_INPUT
    (here / "p" / "bad.png").touch()
    assert cut("p").exit_code == ExitCode.FAILED


def test_all_missing_is_three_and_some_missing_is_one(here: Path) -> None:
    draw_files(here, "a.png")
    none = cut("x.png", "y.png")
    assert none.exit_code == ExitCode.NO_INPUT
    assert only_sentence(none) == "birefcli: there is no x.png (nor 1 more); check the path"
    some = cut("x.png", "a.png", "--json")
    assert some.exit_code == ExitCode.FAILED
    assert [line["status"] for line in lines(some.stdout)] == ["failed", "done"]
    assert "failed: there is no x.png; check the path" in some.stderr.splitlines()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a.png", "--emit", "mask,cutout", "-o", "-"),
        ("a.png", "-o", "-", "--json"),
        ("a.png", "--emit", "masks"),
        ("a.png", "--levels", "0.5"),
        ("a.png", "--levels", "0.9,0.1"),
        ("a.png", "--levels", "nan,1"),
        ("a.png", "--mask-bits", "12"),
        ("a.png", "--mask-bits", "16"),
        ("a.png", "--margin", "3"),
        ("a.png", "-0"),
        ("a.png", "--background", "nocolour"),
        ("a.png", "--name", "../{stem}", "-o", "out"),
        ("a.png", "--device", "tpu"),
        ("a.png", "-o", "a.png"),
        ("a.png", "--threshold", "2"),
        ("a.png", "--no-such-option"),
        ("",),
    ],
)
def test_a_command_line_that_makes_no_sense_is_two(here: Path, arguments: tuple[str, ...]) -> None:
    draw_files(here, "a.png")
    before = Path("a.png").read_bytes()
    result = cut(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert result.stdout == "" and result.stderr.strip()
    assert Path("a.png").read_bytes() == before and not Path("a_cut.png").exists()


def test_a_model_that_is_none_is_four(here: Path, tiny: Path) -> None:
    draw_files(here, "a.png")
    weights = safetensors.torch.load_file(tiny)
    with safetensors.safe_open(tiny, "pt") as file:
        described = file.metadata()
    spoilt = dict(weights)
    spoilt["decoder.conv_out1.0.weight"] = weights["decoder.conv_out1.0.weight"] * torch.nan
    safetensors.torch.save_file(spoilt, "spoilt.safetensors", described)
    other = {"layers.0.weight": torch.zeros(3, 3)}
    safetensors.torch.save_file(other, "other.safetensors")
    safetensors.torch.save_file(
        {name: tensor for name, tensor in weights.items() if "squeeze" not in name},
        "part.safetensors",
        described,
    )
    Path("text.pth").write_text("no weights")
    sentences = {
        "generall": "no model called 'generall'",
        "lost.safetensors": "there is no checkpoint lost.safetensors",
        "spoilt.safetensors": "NaN",
        "other.safetensors": "no BiRefNet",
        "part.safetensors": "do not fit",
        "text.pth": "neither",
    }
    for name, words in sentences.items():
        result = cut("a.png", "--model", name, "--offline")
        assert result.exit_code == ExitCode.MODEL
        assert words in only_sentence(result) and name in only_sentence(result)
    assert not Path("a_cut.png").exists()


def test_a_device_that_is_not_there_is_five(here: Path) -> None:
    draw_files(here, "a.png")
    absent = "mps" if torch.cuda.is_available() else "cuda"
    result = cut("a.png", "--device", absent)
    assert result.exit_code == ExitCode.DEVICE
    assert f"--device {absent}" in only_sentence(result)


def test_an_absent_device_is_an_error_even_where_nothing_is_left_to_do(here: Path) -> None:
    draw_files(here, "photos/a.jpg")
    absent = "mps" if torch.cuda.is_available() else "cuda"
    assert cut("photos").exit_code == ExitCode.OK
    assert cut("photos", "--device", absent).exit_code == ExitCode.DEVICE
    assert cut("photos", "--device", "auto").exit_code == ExitCode.OK


def test_the_processor_can_be_asked_for(here: Path) -> None:
    draw_files(here, "a.png")
    (line,) = lines(cut("a.png", "--device", "cpu", "--precision", "bf16", "--json").stdout)
    assert line["status"] == "done" and line["device"] == "cpu"


def test_an_internal_error_is_seventy_in_one_sentence(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_files(here, "a.png")

    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("birefcli.workflows.cut.prepare_cut", broken)
    result = cut("a.png")
    assert result.exit_code == ExitCode.INTERNAL
    first, second = result.stderr.splitlines()
    assert "ZeroDivisionError: oh" in first and "BIREFCLI_DEBUG=1" in second
    monkeypatch.setenv("BIREFCLI_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cut("a.png")


def test_a_folder_another_run_is_writing_to_is_refused(here: Path) -> None:
    draw_files(here, "p/a.png")
    with Journal(here / "p_cut"):
        result = cut("p")
    assert result.exit_code == ExitCode.FAILED
    assert "another run is writing to p_cut" in only_sentence(result)


def test_an_output_that_cannot_be_made_is_one_sentence(here: Path) -> None:
    draw_files(here, "p/a.png")
    (here / "file").touch()
    for out in ("file", "file/deeper"):
        result = cut("p", "-o", out)
        assert result.exit_code == ExitCode.FAILED
        assert f"cannot write to {out}" in only_sentence(result)
    result = cut("p", "--report", "none/report.jsonl")
    assert result.exit_code == ExitCode.FAILED
    assert "cannot write --report none/report.jsonl" in only_sentence(result)


def test_a_report_on_a_full_disk_is_one_sentence(here: Path) -> None:
    draw_files(here, "p/a.png", "p/b.png")
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    result = cut("p", "--report", "/dev/full")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.splitlines()[-1] == (
        "birefcli: cannot write --report /dev/full: No space left on device"
    )


def test_the_options_reach_the_pictures(here: Path) -> None:
    draw(0, (64, 64)).save("a.png")

    def modes(*arguments: str) -> tuple[str, tuple[int, int]]:
        shutil.rmtree("out", ignore_errors=True)
        result = cut("a.png", "-o", "out", *arguments)
        assert result.exit_code == 0, result.stderr
        (path,) = result.stdout.splitlines()
        with Image.open(path) as image:
            image.load()
            return image.mode, image.size

    assert modes() == ("RGBA", (64, 64))
    assert modes("--background", "white") == ("RGB", (64, 64))
    assert modes("--format", "jpg") == ("RGB", (64, 64))
    assert modes("--emit", "mask") == ("L", (64, 64))
    assert modes("--emit", "mask", "--mask-bits", "16") == ("I;16", (64, 64))
    assert modes("--emit", "preview") == ("RGB", (128, 64))
    small, larger, largest = (
        modes("--crop", *more)[1][0] for more in ((), ("--margin", "2"), ("--grow", "5"))
    )
    assert small < larger < largest < 64
    assert modes("--crop", "--shrink", "3")[1][0] < small
    assert modes("--crop", "--invert")[1] == (64, 64)


def test_resume_is_what_happens_anyway_and_redo_does_all_again(here: Path) -> None:
    draw_files(here, "p/a.png")
    ends = [
        lines(cut("p", "--json", *more).stdout)[0]["status"]
        for more in ((), ("--resume",), ("--redo",))
    ]
    assert ends == ["done", "skipped", "done"]
