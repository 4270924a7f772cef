"""Animations are cut frame by frame and stay animations, read back by Pillow."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import cuts
import numpy as np
import pytest
from cuts import ends, tree
from fakes import Bright, draw, nothing
from PIL import Image
from running import cut

from birefcli.batch.report import Outcome
from birefcli.matte.frames import cut_series
from birefcli.settings.cut import CutSettings, OnEmpty
from birefcli.settings.cutout import AlphaMode, Format, Product

TIMES = (60, 80, 200, 40)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BIREFCLI_DEBUG", raising=False)
    return tmp_path


def go(*inputs: str, **settings: Any) -> list[Outcome]:
    """Run the walk; a flat bar is no pixel art, whose outline would be looked for."""
    return cuts.go(*inputs, **{"alpha": AlphaMode.SOFT, **settings})


def frames(size: tuple[int, int] = (48, 32)) -> list[Image.Image]:
    """A bright bar that walks to the right over a dark ground."""
    pictures = []
    for i in range(len(TIMES)):
        image = Image.new("RGB", size, (10, 20, 30))
        image.paste((250, 240, 200), (6 + 7 * i, 8, 14 + 7 * i, 24 - i))
        pictures.append(image)
    return pictures


def film(path: str, pictures: list[Image.Image] | None = None, loop: int = 0) -> str:
    """Write an animation; the suffix says the container."""
    first, *others = pictures or frames()
    format = {".gif": "GIF", ".webp": "WEBP"}.get(Path(path).suffix, "PNG")
    options: dict[str, Any] = {"lossless": True} if format == "WEBP" else {}
    if format == "GIF":
        options["disposal"] = 1
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    first.save(
        *(path, format), save_all=True, append_images=others, duration=TIMES, loop=loop, **options
    )
    return path


def shown(source: Path | str | io.BytesIO) -> tuple[str, list[np.ndarray], list[float], int]:
    """The format, the frames as RGBA, their times and the loop, as Pillow reads them."""
    with Image.open(source) as image:
        pictures, times = [], []
        for i in range(getattr(image, "n_frames", 1)):
            image.seek(i)
            pictures.append(np.asarray(image.convert("RGBA")))
            times.append(float(image.info.get("duration", 0)))
        return str(image.format), pictures, times, image.info.get("loop", 1)


@pytest.mark.parametrize("suffix", ["gif", "png", "apng", "webp"])
def test_an_animation_stays_one_in_its_container(suffix: str) -> None:
    (outcome,) = go(film(f"p/walk.{suffix}"), out="out")
    assert [path.name for path in outcome.outputs] == [f"walk.{suffix}"]
    assert outcome.frames == 4 and outcome.size == (32, 48)
    format, pictures, times, loop = shown(outcome.outputs[0])
    assert format == {"apng": "PNG"}.get(suffix, suffix.upper()) and loop == 0
    assert len(pictures) == 4
    if suffix != "webp":  # Pillow tells no times of webp until it has decoded
        assert times == list(TIMES)
    for cut_out, drawn in zip(pictures, frames(), strict=True):
        is_object = np.asarray(drawn)[..., 0] > 128
        assert ((cut_out[..., 3] == 255) == is_object).all()
        assert (cut_out[is_object, :3] == (250, 240, 200)).all()
        assert not cut_out[~is_object, 3].any()


@pytest.mark.parametrize(("target", "format"), [("w.gif", "GIF"), ("w.png", "PNG")])
def test_a_name_or_a_format_chooses_another_container(target: str, format: str) -> None:
    film("walk.webp")
    go("walk.webp", out=target)
    assert shown(target)[0] == format and len(shown(target)[1]) == 4
    go("walk.webp", out="out", format=Format(target[2:]))
    assert (Path("out") / f"walk{target[1:]}").read_bytes() == Path(target).read_bytes()


def test_times_of_webp_are_those_of_the_source() -> None:
    film("walk.gif")
    go("walk.gif", out="w.webp")
    with Image.open("w.webp") as image:
        times = []
        for i in range(4):
            image.seek(i)
            image.load()
            times.append(image.info["duration"])
    assert times == list(TIMES)


def test_masks_and_previews_move_too_and_those_of_a_gif_are_apng() -> None:
    film("p/walk.gif")
    film("p/run.webp", loop=3)
    jump, run = sorted(go("p", emit=tuple(Product)), key=lambda o: o.source, reverse=True)
    assert [path.name for path in jump.outputs] == [
        *("walk.gif", "walk_mask.png", "walk_preview.png")
    ]
    assert [path.name for path in run.outputs] == ["run.webp", "run_mask.webp", "run_preview.webp"]
    for outcome in (jump, run):
        _, cutouts, _, loop = shown(outcome.outputs[0])
        _, masks, _, _ = shown(outcome.outputs[1])
        _, previews, _, _ = shown(outcome.outputs[2])
        assert len(masks) == len(previews) == 4 and loop == (3 if outcome is run else 0)
        for cutout, mask, preview in zip(cutouts, masks, previews, strict=True):
            assert (mask[..., 0] == cutout[..., 3]).all() and (mask[..., 3] == 255).all()
            assert preview.shape == (32, 96, 4)


def test_all_frames_share_one_box_and_one_pivot() -> None:
    (outcome,) = go(film("walk.png"), out="out", crop=True, margin=2)
    # The bar walks from 6 to 35, and reaches from 8 to 24.
    assert outcome.box == (4, 6, 37, 26) and outcome.pivot == (20.5, 24.0)
    _, pictures, _, _ = shown(outcome.outputs[0])
    assert {picture.shape for picture in pictures} == {(20, 33, 4)}
    line = json.loads(outcome.to_json(None, None))
    assert line["frames"] == 4 and line["pivot"] == [20.5, 24.0]


def test_alpha_flickers_nowhere_where_the_picture_is_still() -> None:
    rng = np.random.default_rng(1)

    def shaky(images: Any) -> Any:
        return [
            np.clip(matte + rng.normal(0, 0.2, matte.shape).astype(np.float32), 0, 1)
            for matte in Bright()(images)
        ]

    pictures = [draw(0) for _ in range(6)]
    for i, picture in enumerate(pictures):
        picture.paste((40 * i, 0, 0), (0, 0, 4, 4))
    first, *others = pictures
    first.save("f.png", save_all=True, append_images=others, duration=50)
    (outcome,) = go("f.png", segment=shaky, out="o.png")
    _, cut_out, _, _ = shown("o.png")
    assert outcome.frames == len(cut_out) == 6
    _, given, _, _ = shown("f.png")
    for i in range(1, len(cut_out)):
        is_same = (given[i] == given[i - 1]).all(axis=2)
        assert is_same.any() and (cut_out[i][is_same] == cut_out[i - 1][is_same]).all()


def test_frames_are_hard_or_soft_together() -> None:
    def edges(mode: AlphaMode, count: int) -> set[bool]:
        from birefcli.image.decode import Picture

        art = [np.asarray(image.resize((48, 32))) for image in frames()]
        soft = [np.asarray(draw(i, (48, 32))) for i in range(count)]
        pictures = [Picture(rgb, None, None, None) for rgb in (*art, *soft)]
        mattes = Bright()([picture.rgb for picture in pictures])
        series = cut_series(pictures, mattes, CutSettings(inputs=("a",), alpha=mode))
        return {bool(np.isin(one.matte, (0, 1)).all()) for one in series.cutouts[4:]}

    assert edges(AlphaMode.AUTO, 2) == {True}
    assert edges(AlphaMode.AUTO, 9) == {False}
    assert edges(AlphaMode.SOFT, 2) == {False} and edges(AlphaMode.HARD, 9) == {True}


def test_frames_go_to_the_network_in_batches_and_neighbours_change_nothing(here: Path) -> None:
    film("p/walk.gif")
    draw().save("p/a.png")
    draw(1).save("p/z.png")
    seen = Bright()
    go("p", segment=seen, batch=3, emit=(Product.CUTOUT, Product.MASK))
    assert max(seen.seen) <= 3 and sum(seen.seen) == 6
    go("p/walk.gif", out="alone", emit=(Product.CUTOUT, Product.MASK))
    alone = tree(here / "alone")
    assert alone and alone.items() <= tree(here / "p_cut").items()


def test_a_frame_that_fails_fails_its_animation_alone() -> None:
    film("p/walk.gif")
    draw().save("p/a.png")

    def bad(images: Any) -> Any:
        if any(image.shape == (32, 48, 3) and image[10, 15, 0] > 128 for image in images):
            raise RuntimeError("not this one")
        return Bright()(images)

    assert ends(go("p", segment=bad)) == ["p/a.png done", "p/walk.gif failed internal"]
    assert sorted(tree(Path("p_cut"))) == ["a.png"]


def test_it_is_not_done_twice_and_a_changed_film_is_done_again() -> None:
    film("p/walk.gif")
    assert ends(go("p")) == ["p/walk.gif done"]
    assert ends(go("p")) == ["p/walk.gif skipped up-to-date"]
    film("p/walk.gif", frames()[::-1])
    assert ends(go("p")) == ["p/walk.gif done"]


@pytest.mark.parametrize("suffix", ["gif", "apng", "webp"])
def test_a_result_beside_its_source_is_known_again(suffix: str) -> None:
    film(f"walk.{suffix}")
    assert ends(go(f"walk.{suffix}")) == [f"walk.{suffix} done"]
    assert Path(f"walk_cut.{suffix}").exists()
    assert ends(go(f"*.{suffix}", redo=True)) == [f"walk.{suffix} done"]


def test_a_film_that_ends_early_is_named(here: Path) -> None:
    data = (here / film("walk.gif")).read_bytes()
    (here / "walk.gif").write_bytes(data[:-30])
    assert ends(go("walk.gif")) == ["walk.gif failed truncated"]
    assert not Path("walk_cut.gif").exists()


def test_nothing_found_in_any_frame_is_empty() -> None:
    film("walk.gif")

    def ending(on_empty: OnEmpty) -> tuple[Outcome, Path]:
        path = Path(f"{on_empty}.png")
        asked = {"out": str(path), "on_empty": on_empty, "key": "off"}
        return go("walk.gif", segment=nothing, **asked)[0], path

    outcome, path = ending(OnEmpty.WRITE)
    assert ends([outcome]) == ["walk.gif empty nothing-found"] and outcome.pivot is None
    assert not any(picture.any() for picture in shown(path)[1])
    assert ending(OnEmpty.FAIL)[0].reason == "empty"
    outcome, path = ending(OnEmpty.SKIP)
    assert outcome.outputs == () and not path.exists()
    _, path = ending(OnEmpty.COPY)
    for picture, drawn in zip(shown(path)[1], frames(), strict=True):
        assert (picture[..., :3] == np.asarray(drawn)).all() and (picture[..., 3] == 255).all()


def test_all_frames_count_as_pixels() -> None:
    film("walk.gif")
    assert ends(go("walk.gif", max_pixels=4 * 48 * 32 - 1)) == ["walk.gif failed too-large"]
    assert ends(go("walk.gif", max_pixels=4 * 48 * 32)) == ["walk.gif done"]


@pytest.mark.parametrize(
    "options", [{"format": Format.JPG}, {"format": Format.PNG, "mask_bits": 16}]
)
def test_what_holds_no_animation_is_refused(options: dict[str, Any]) -> None:
    film("walk.webp")
    (outcome,) = go("walk.webp", out="out", emit=(Product.MASK,), **options)
    assert outcome.reason == "animated" and "walk.webp is an animation" in outcome.message
    assert tree(Path("out")) == {}


def test_pages_and_stills_are_what_they_were(here: Path) -> None:
    first, *others = frames()
    first.save("pages.tiff", save_all=True, append_images=others)
    (outcome,) = go("pages.tiff")
    assert outcome.reason == "animated" and "4 frames or pages" in outcome.message
    for suffix in ("gif", "webp"):
        first.save(f"still.{suffix}")
        go(f"still.{suffix}", out=suffix)
        assert list(tree(here / suffix)) == ["still.png"]


def test_a_still_can_be_a_gif() -> None:
    draw().save("a.png")
    go("a.png", out="a.gif")
    format, (picture,), _, _ = shown("a.gif")
    assert format == "GIF" and set(np.unique(picture[..., 3])) == {0, 255}


def test_an_animation_goes_through_a_pipe_in_its_container(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for suffix in ("gif", "png", "webp"):
        film(f"walk.{suffix}")
        go(f"walk.{suffix}", out=f"out.{suffix}")
        stdin, stdout = (io.TextIOWrapper(io.BytesIO()) for _ in range(2))
        stdin.buffer.write(Path(f"walk.{suffix}").read_bytes())
        stdin.buffer.seek(0)
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "stdout", stdout)
        assert ends(go("-", out="-")) == ["- done"]
        data = stdout.buffer.getvalue()  # type: ignore[attr-defined]
        assert data == Path(f"out.{suffix}").read_bytes()


def test_the_command_cuts_an_animation(here: Path, tiny: Path) -> None:
    film("walk.gif")
    result = cut("walk.gif", "-o", "w.apng", "--crop", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["frames"] == 4
    format, pictures, times, loop = shown("w.apng")
    assert (format, len(pictures), times, loop) == ("PNG", 4, list(TIMES), 0)
