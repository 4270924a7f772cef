"""Animations are read as viewers show them, and written so that other programs see the same."""

import struct
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import LIMIT, chunk, png, saved
from PIL import Image, ImageSequence

from birefcli.errors import OutputError, PictureError
from birefcli.image.animation import Animation, FramePalette, read_frames, write_frames
from birefcli.image.files import is_ours

CONTAINERS = ("gif", "apng", "webp")
RED, GREEN, BLUE, CLEAR = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)


def walk(count: int = 6, ground: tuple[int, ...] = CLEAR) -> tuple[np.ndarray, ...]:
    """A square of two colours that walks to the right, and stands still at the end."""
    frames = np.full((count, 20, 31, 4), ground, np.uint8)
    for i, frame in enumerate(frames):
        x = 3 * min(i, count - 2)
        frame[5:15, x : x + 9] = RED
        frame[7 : 9 + i % 3, x + 2 : x + 5] = BLUE
    return tuple(frames)


def seen(rgba: np.ndarray) -> np.ndarray:
    return np.where(rgba[..., 3:] > 0, rgba, 0)


def by_pillow(data: bytes) -> tuple[list[np.ndarray], list[float], int | None]:
    image = Image.open(BytesIO(data))
    frames, durations = [], []
    for frame in ImageSequence.Iterator(image):
        frames.append(np.array(frame.convert("RGBA")))
        durations.append(frame.info["duration"])
    return frames, durations, image.info.get("loop")


def by_opencv(data: bytes) -> tuple[list[np.ndarray], list[float]]:
    """Read with decoders of other authors than Pillow's."""
    is_read, animation = cv2.imdecodeanimation(np.frombuffer(data, np.uint8))
    assert is_read
    code = {3: cv2.COLOR_BGR2RGBA, 4: cv2.COLOR_BGRA2RGBA}
    frames = [cv2.cvtColor(f, code[f.shape[2]]) for f in animation.frames]
    return frames, [int(d) for d in animation.durations]


def same(one: "tuple | list", other: "tuple | list") -> bool:
    return len(one) == len(other) and all(
        np.array_equal(seen(a), seen(b)) for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("ground", [CLEAR, GREEN])
def test_every_reader_sees_the_frames_that_were_written(container: str, ground: tuple) -> None:
    times = (60, 80, 100, 2000, 60, 70)
    animation = Animation(walk(ground=ground), times, loop=0, container=container)
    data = write_frames(animation)
    frames, durations, loop = by_pillow(data)
    assert same(frames, animation.frames), "of Pillow"
    assert (durations, loop) == ([*times], 0)
    frames, durations = by_opencv(data)
    assert same(frames, animation.frames), "of OpenCV"
    assert durations == [*times]
    again = read_frames(data, LIMIT)
    assert same(again.frames, animation.frames)
    assert (again.durations, again.loop, again.container) == (times, 0, container)


@pytest.mark.parametrize("container", ["apng", "webp"])
@pytest.mark.parametrize("top", [256, 3])
def test_apng_and_webp_keep_every_bit_even_of_hidden_colours(container: str, top: int) -> None:
    frames = np.random.default_rng(1).integers(0, top, (4, 9, 13, 4)).astype(np.uint8)
    frames[2, :5, :, 3] = 0
    animation = Animation(tuple(frames), (40, 50, 60, 70), container=container)
    data = write_frames(animation)
    assert np.array_equal(read_frames(data, LIMIT).frames, frames)
    assert np.array_equal(by_pillow(data)[0], frames)


def test_few_colours_make_an_indexed_apng() -> None:
    data = write_frames(Animation(walk(), (50,) * 6, container="apng"))
    assert Image.open(BytesIO(data)).mode == "P"
    assert len(Image.open(BytesIO(data)).getpalette()) == 3 * 3  # red, blue, clear


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("loop", [0, 1, 5])
def test_the_times_it_is_played_are_kept(container: str, loop: int) -> None:
    data = write_frames(Animation(walk(), (50,) * 6, loop), container)
    assert read_frames(data, LIMIT).loop == loop
    # A GIF says how often it is repeated, and says nothing where it is not.
    said = {"gif": {0: 0, 1: None, 5: 4}}.get(container, {0: 0, 1: 1, 5: 5})
    assert by_pillow(data)[2] == said[loop]


def test_times_that_gif_cannot_hold_are_rounded_and_their_sum_is_kept() -> None:
    data = write_frames(Animation(walk(), (33, 33, 33, 33, 33, 35)), "gif")
    assert by_pillow(data)[1] == [30, 40, 30, 30, 40, 30]
    assert sum(by_pillow(data)[1]) == 200
    sixty = write_frames(Animation(walk(), (1000 / 60,) * 6), "gif")
    assert set(by_pillow(sixty)[1]) == {20}, "10 ms would be shown as 100"


def test_an_apng_keeps_times_of_sixtieths_of_a_second() -> None:
    data = write_frames(Animation(walk(), (1000 / 60, 1000 / 30, 12.5, 70000, 0, 8)), "apng")
    delays = [struct.unpack_from(">HH", data, i + 24) for i in positions(data, b"fcTL")]
    assert [n / d for n, d in delays] == [1 / 60, 1 / 30, 1 / 80, 70, 0, 0.008]
    assert read_frames(data, LIMIT).durations == pytest.approx((50 / 3, 100 / 3, 12.5, 7e4, 0, 8))


def positions(data: bytes, word: bytes) -> list[int]:
    return [i for i in range(len(data)) if data.startswith(word, i)]


def test_a_gif_of_many_colours_is_near_them_and_one_of_255_a_frame_is_exact() -> None:
    rng = np.random.default_rng(2)
    frames = np.full((3, 15, 17, 4), 255, np.uint8)
    frames[..., :3] = rng.integers(0, 256, (3, 15, 17, 3))
    animation = Animation(tuple(frames), (50,) * 3)
    assert same(by_pillow(write_frames(animation, "gif"))[0], animation.frames)
    y, x = np.mgrid[:80, :90]
    ramp = np.dstack([2 * y, 2 * x, y + x, np.where(x > 9, 255, 0)]).astype(np.uint8)
    animation = Animation((ramp, ramp[::-1].copy()), (50, 50))
    for got, frame in zip(
        by_pillow(write_frames(animation, "gif"))[0], animation.frames, strict=True
    ):
        assert np.array_equal(got[..., 3], frame[..., 3])
        assert np.abs(seen(got).astype(int) - seen(frame)).mean() < 4


def test_a_gif_keeps_the_order_of_its_palette() -> None:
    colors = np.array([[9, 9, 9], [255, 0, 0], [0, 0, 255], [7, 7, 7]], np.uint8)
    animation = Animation(walk(), (50,) * 6, palette=FramePalette(colors, clear=3))
    palette = read_frames(write_frames(animation, "gif"), LIMIT).palette
    assert palette is not None
    assert np.array_equal(palette.colors, colors)
    assert palette.clear == 3


def test_alpha_of_a_gif_is_all_or_nothing_from_128_on() -> None:
    frames = np.full((2, 4, 4, 4), 200, np.uint8)
    frames[0, :2, :, 3], frames[1, 2:, :, 3] = 127, 128
    for frame, got in zip(
        frames, by_pillow(write_frames(Animation(tuple(frames), (50, 50)), "gif"))[0], strict=True
    ):
        assert np.array_equal(got[..., 3], np.where(frame[..., 3] >= 128, 255, 0))


def test_a_still_has_one_frame_and_is_written_as_one() -> None:
    picture = walk()[0]
    for format, container in (("PNG", "apng"), ("WEBP", "webp"), ("GIF", "gif")):
        options = {"lossless": True} if format == "WEBP" else {}
        animation = read_frames(saved(Image.fromarray(picture), format, **options), LIMIT)
        assert animation.container == container
        assert same(animation.frames, (picture,))
        assert Image.open(BytesIO(write_frames(animation))).n_frames == 1


def test_the_profile_the_density_and_the_maker_are_kept(tmp_path: Path) -> None:
    icc = bytes(16) + b"RGB " + bytes(120)
    animation = Animation(walk(), (50,) * 6, icc=icc, dpi=(300.0, 300.0))
    for container in CONTAINERS:
        path = tmp_path / container
        path.write_bytes(write_frames(animation, container))
        assert is_ours(path)
        again = read_frames(path, LIMIT)
        assert again.icc == (None if container == "gif" else icc)
        assert again.dpi == (pytest.approx((300, 300), 1e-3) if container == "apng" else None)


def test_a_quality_makes_webp_smaller() -> None:
    noisy = np.random.default_rng(3).integers(0, 256, (2, 40, 40, 4)).astype(np.uint8)
    animation = Animation(tuple(noisy), (50, 50), container="webp")
    assert len(write_frames(animation, quality=50)) < len(write_frames(animation)) / 2
    assert len(read_frames(write_frames(animation, quality=50), LIMIT).frames) == 2


def test_too_long_a_side_is_refused() -> None:
    long = np.zeros((1, 16384, 4), np.uint8)
    with pytest.raises(OutputError, match="16383"):
        write_frames(Animation((long, long), (1, 1)), "webp")


def test_frames_of_several_sizes_are_no_animation() -> None:
    with pytest.raises(ValueError, match="one size"):
        Animation((walk()[0], walk()[0][:5]), (1, 1))
    with pytest.raises(ValueError, match="durations"):
        Animation(walk(), (1, 1))


def test_a_poster_is_no_frame_and_is_written_again() -> None:
    poster = np.full((20, 31, 4), GREEN, np.uint8)
    data = write_frames(Animation(walk(), (50,) * 6, poster=poster, container="apng"))
    again = read_frames(data, LIMIT)
    assert np.array_equal(again.poster, poster)
    assert same(again.frames, walk())
    assert np.array_equal(by_opencv(data)[0], by_opencv(write_frames(replace(again)))[0])
    assert Image.open(BytesIO(data)).default_image
    assert again.with_frames(walk()).poster is None


# What is wrong with a file


def failure(data: bytes, limit: int = LIMIT) -> PictureError:
    with pytest.raises(PictureError) as caught:
        read_frames(data, limit, name="walk")
    assert str(caught.value).startswith("walk ")
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_file_cut_anywhere_is_named_truncated(container: str) -> None:
    data = write_frames(Animation(walk(), (50,) * 6, container=container))
    for length in range(33, len(data), 7):
        assert failure(data[:length]).reason == "truncated", length


@pytest.mark.parametrize("container", CONTAINERS)
def test_frames_too_many_for_the_limit_are_refused_before_they_are_decoded(container: str) -> None:
    data = write_frames(Animation(walk(), (50,) * 6, container=container))
    assert read_frames(data, 6 * 20 * 31).size == (20, 31)
    error = failure(data, 6 * 20 * 31 - 1)
    assert error.reason == "too-large"
    assert "6 frames of 31x20" in str(error)
    assert "--max-pixels" in str(error)


def test_a_large_frame_on_a_small_canvas_counts_as_large() -> None:
    image = b",\0\0\0\0\xff\xff\xff\xff\0\x08\x01\0\0"
    bomb = b"GIF89a\x01\0\x01\0\x70\0\0" + image + b";"
    assert failure(bomb).reason == "too-large"


def test_what_is_no_animation_is_said_so(tmp_path: Path) -> None:
    assert failure(b"").reason == "empty-file"
    assert failure(saved(Image.new("RGB", (3, 3)), "JPEG")).reason == "unreadable"
    assert failure(b"GIF89a\x01\0\x01\0\x70\0\0;").reason == "unreadable"
    spoilt = png(np.zeros((3, 3, 3), np.uint8), 2)[:33] + chunk(b"IEND", b"")
    assert failure(spoilt).reason in ("unreadable", "truncated")
    with pytest.raises(PictureError, match="does not exist"):
        read_frames(tmp_path / "none.gif", LIMIT)
