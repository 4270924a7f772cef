"""The library as its users have it: five lines, three kinds of pictures, the command's bytes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import invoke
from fakes import draw
from PIL import Image

import birefcli
from birefcli import BirefcliError
from birefcli.errors import OutputError, PictureError, UsageError, WeightsError

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def model(tiny: Path) -> birefcli.Model:
    return birefcli.load_model(tiny)


def test_five_lines_cut_and_peel(model: birefcli.Model) -> None:
    draw(0, (64, 48)).save("a.png")
    matte = model.matte("a.png")
    assert matte.shape == (48, 64) and matte.dtype == np.float32
    assert 0 <= matte.min() <= matte.max() <= 1
    cutout = birefcli.cut("a.png", model=model)
    assert cutout.shape == (48, 64, 4) and cutout.dtype == np.uint8
    assert not cutout[cutout[..., 3] == 0].any()
    stack = birefcli.peel("a.png", model=model, max_layers=2, inpaint="membrane")
    assert isinstance(stack, birefcli.Stack) and len(stack.layers) <= 2
    assert (stack.composed() == np.asarray(Image.open("a.png").convert("RGB"))).all()


def test_a_path_an_image_and_an_array_are_the_same_picture(model: birefcli.Model) -> None:
    image = draw(0, (64, 48))
    image.save("a.png")
    first, *others = model.mattes(["a.png", Path("a.png"), image, np.asarray(image.convert("RGB"))])
    assert all((first == other).all() for other in others)


def test_an_image_is_upright_and_keeps_its_alpha(model: birefcli.Model) -> None:
    image = draw(0, (64, 48)).convert("RGBA")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save("turned.png", exif=exif)
    with Image.open("turned.png") as turned:
        assert birefcli.cut(turned, model=model).shape == (64, 48, 4)
    rgba = np.asarray(image).copy()
    rgba[:, :32, 3] = 0
    assert not birefcli.cut(rgba, model=model)[:, :32].any()
    assert not birefcli.cut(Image.fromarray(rgba), model=model)[:, :32].any()


def test_it_gives_what_the_command_writes(model: birefcli.Model, tiny: Path) -> None:
    draw(0, (64, 48)).save("a.png")
    options = ("--crop", "--margin", "3", "--grow", "1")
    assert invoke("cut", "a.png", "-o", "b.png", "-m", str(tiny), *options).exit_code == 0
    ours = birefcli.cut("a.png", model=model, crop=True, margin=3, grow=1)
    assert (ours == np.asarray(Image.open("b.png"))).all()
    flat = birefcli.cut("a.png", model=model, background="white")
    assert flat.shape == (48, 64, 3)


def test_a_saved_stack_is_the_commands_folder(model: birefcli.Model, tiny: Path) -> None:
    draw(0, (64, 48)).save("a.png")
    options = ("--inpaint", "membrane", "--max-layers", "1", "--format", "png,ora,svg")
    assert invoke("peel", "a.png", "-o", "a.peel", "-m", str(tiny), *options).exit_code == 0
    stack = birefcli.peel("a.png", model=model, inpaint="membrane", max_layers=1)
    written = stack.save("b.peel", formats=["png", "ora", "svg"])
    theirs = {
        path.relative_to("a.peel").as_posix(): path.read_bytes()
        for path in Path("a.peel").rglob("*")
        if path.is_file() and ".birefcli" not in path.parts
    }
    ours = {path.relative_to("b.peel").as_posix(): path.read_bytes() for path in written}
    assert ours == theirs
    assert written[-1].name == "manifest.json"


def test_a_folder_that_holds_something_is_not_written_to(model: birefcli.Model) -> None:
    stack = birefcli.peel(draw(0, (64, 48)), model=model, inpaint="membrane", max_layers=1)
    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="full is not empty"):
        stack.save("full")
    assert [path.name for path in Path("full").iterdir()] == ["mine.txt"]
    stack.save("full", formats=["png"], overwrite=True)
    assert Path("full/mine.txt").exists() and Path("full/manifest.json").exists()
    with pytest.raises(UsageError, match="gif"):
        stack.save("other", formats=["gif"])
    assert not Path("other").exists()


def test_what_makes_no_sense_is_said(model: birefcli.Model, tiny: Path) -> None:
    draw(0, (64, 48)).save("a.png")
    with pytest.raises(TypeError, match=r"birefcli.cut has no option 'colour'; it takes alpha"):
        birefcli.cut("a.png", model=model, colour="red")
    with pytest.raises(TypeError, match="no option 'out'"):
        birefcli.cut("a.png", model=model, out="b.png")
    with pytest.raises(TypeError, match=r"birefcli\.peel has no option 'ghost'"):
        birefcli.peel("a.png", model=model, ghost=1)
    with pytest.raises(TypeError, match=r"not float32 \(4, 4, 3\)"):
        model.matte(np.zeros((4, 4, 3), np.float32))
    with pytest.raises(TypeError, match=r"not uint8 \(4, 4\)"):
        model.matte(np.zeros((4, 4), np.uint8))
    with pytest.raises(PictureError):
        model.matte("nothing.png")
    with pytest.raises(WeightsError):
        birefcli.load_model("nothing-at-all")
    with pytest.raises(UsageError, match="fp64"):
        birefcli.load_model(tiny, precision="fp64")
    assert issubclass(WeightsError, BirefcliError)


def test_an_inpainter_of_ones_own_fills(model: birefcli.Model) -> None:
    class Red:
        name = "red"

        def __call__(self, image, hole, *, labels=None, source=None, seed=0):  # type: ignore[no-untyped-def]
            filled = image.copy()
            filled[hole] = (255, 0, 0)
            return filled

    stack = birefcli.peel(draw(0, (64, 48)), model=model, inpaint=Red(), max_layers=1)
    assert stack.engine.inpaint == "red"
    if stack.invented.any():
        assert (stack.background[stack.invented > 0][:, :3] == (255, 0, 0)).all()


def test_importing_it_is_light_and_its_names_are_listed() -> None:
    program = (
        "import sys, birefcli; print(birefcli.__version__, birefcli.BirefcliError.__name__);"
        "print(sorted({'torch', 'numpy', 'PIL', 'cv2', 'typer'} & set(sys.modules)));"
        "print(all(hasattr(birefcli, name) for name in birefcli.__all__))"
    )
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True)
    version, heavy, has_all = done.stdout.splitlines()
    assert version == f"{birefcli.__version__} BirefcliError"
    assert (heavy, has_all) == ("[]", "True")
    with pytest.raises(AttributeError, match="has no attribute 'cutt'"):
        birefcli.cutt  # type: ignore[attr-defined]  # noqa: B018
