"""What cannot be read is said in one sentence, whatever is wrong with it."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import LIMIT, chunk, failure, noise, png, saved, unprivileged
from PIL import Image, ImageFile

from birefcli.errors import PictureError
from birefcli.image.files import (
    Picture,
    read_picture,
)

# Reading: what goes wrong


def test_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere.png")
    for name in ("missing.png", "file/inside.png", "broken.png"):
        assert failure(tmp_path / name).reason == "missing"


def test_a_directory(tmp_path: Path) -> None:
    assert failure(tmp_path).reason == "directory"


def test_zero_bytes(tmp_path: Path) -> None:
    path = tmp_path / "nothing.png"
    path.touch()
    assert failure(path).reason == "empty-file"
    assert failure(b"").reason == "empty-file"


@pytest.mark.parametrize(
    "data",
    [
        b"just words, not a picture",
        b"\0" * 1000,
        b"%PDF-1.7 something",
        png(noise(9, 9), 2)[:33] + chunk(b"IDAT", b"no zlib") + chunk(b"IEND", b""),
    ],
)
def test_what_is_no_picture(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "renamed.png"
    path.write_bytes(data)
    assert failure(path).reason == "unreadable"


def test_a_file_too_short_for_any_format_is_said_so_in_words() -> None:
    assert "format is unknown" in str(failure(b"x"))


def test_eps_which_would_run_a_program_is_never_tried() -> None:
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    assert "format is unknown" in str(failure(data))


CUT_SHORT = {
    "PNG": {},
    "JPEG": {},
    "JPEG progressive": {"progressive": True},
    "WEBP": {},
    "GIF": {},
    "BMP": {},
    "TIFF": {},
    "TIFF lzw": {"compression": "tiff_lzw"},
    "AVIF": {},
    "PPM": {},
    "TGA": {},
    "JPEG2000": {},
}


@pytest.mark.filterwarnings("ignore:.*(Truncated File Read|Corrupt EXIF):UserWarning")
@pytest.mark.parametrize("kind", CUT_SHORT)
def test_a_truncated_file_is_called_truncated(tmp_path: Path, kind: str) -> None:
    data = saved(Image.fromarray(noise(40, 50)), kind.split()[0], **CUT_SHORT[kind])
    path = tmp_path / "photo.jpg"
    for part in (0.1, 0.5, 0.9):
        path.write_bytes(data[: int(len(data) * part)])
        error = failure(path)
        assert error.reason == "truncated"
        assert "photo.jpg is truncated: the file ends before" in str(error)


def test_a_damaged_file_that_is_whole_is_not_called_truncated() -> None:
    data = bytearray(saved(Image.fromarray(noise(40, 50)), "WEBP"))
    data[20:60] = bytes(40)
    assert failure(bytes(data)).reason == "unreadable"


def test_a_bomb_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("no pixel is decoded")

    data = png(noise(2, 2), 2, size=(60000, 60000))
    monkeypatch.setattr(ImageFile.ImageFile, "load", decoded)
    error = failure(data)
    assert error.reason == "too-large" and "60000x60000" in str(error)
    assert "--max-pixels" in str(error)


def test_max_pixels_is_the_limit_and_no_other() -> None:
    data = saved(Image.new("1", (100, 100)), "PNG")
    assert read_picture(data, max_pixels=10_000).size == (100, 100)
    assert failure(data, 9_999).reason == "too-large"
    # Pillow's own limits never speak: it would refuse this header, and not call it truncated.
    beyond = png(noise(2, 2), 2, size=(14000, 14000))[:60]
    assert 2 * (Image.MAX_IMAGE_PIXELS or 0) < 14000 * 14000
    assert failure(beyond, 200_000_000).reason == "truncated"


def test_no_global_state_is_touched() -> None:
    limit = Image.MAX_IMAGE_PIXELS
    read_picture(png(noise(2, 2), 2), max_pixels=10**9)
    assert limit == Image.MAX_IMAGE_PIXELS
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_several_frames_are_refused_and_one_is_fine(format: str) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "green", "blue")]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:])
    error = failure(data)
    assert error.reason == "animated" and "3 frames" in str(error)
    single = saved(frames[0], format, save_all=True)
    assert read_picture(single, max_pixels=LIMIT).size == (8, 8)


def test_a_phone_picture_with_a_preview_is_one_picture() -> None:
    preview = Image.new("RGB", (4, 4))
    data = saved(Image.new("RGB", (8, 8), "red"), "MPO", save_all=True, append_images=[preview])
    assert read_picture(data, max_pixels=LIMIT).size == (8, 8)


def test_permission_denied(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(png(noise(2, 2), 2))
    path.chmod(0)
    with unprivileged():
        assert failure(path).reason == "permission"


def test_a_pipe_is_read_as_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    rgb = noise(5, 6)
    writer = threading.Thread(target=pipe.write_bytes, args=(png(rgb, 2),))
    writer.start()
    np.testing.assert_array_equal(read_picture(pipe, max_pixels=LIMIT).rgb, rgb)
    writer.join()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damage_gives_a_picture_or_a_picture_error(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(DAMAGED))
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 5))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = read_picture(bytes(broken), max_pixels=LIMIT)
    except PictureError as error:
        assert error.reason
    else:
        assert isinstance(picture, Picture) and picture.rgb.dtype == np.uint8


DAMAGED = [
    saved(Image.fromarray(noise(8, 9)), format) for format in ("PNG", "JPEG", "GIF", "WEBP", "TGA")
]
