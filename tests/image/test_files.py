"""Picture files are written whole or not at all, found in one order, and never lost."""

import errno
import hashlib
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import numpy as np
import pytest
from pictures import LIMIT, SRGB, noise, unprivileged
from PIL import Image

from birefcli.errors import DiskFullError, OutputError
from birefcli.image.files import (
    PICTURE_SUFFIXES,
    encode,
    find_pictures,
    read_picture,
    remove_stale_temporaries,
    sha256_file,
    write_atomic,
)

# Writing


def test_png_keeps_pixels_profile_and_resolution() -> None:
    for array in (noise(5, 6), noise(5, 6, 4), noise(5, 6)[..., 0]):
        with Image.open(BytesIO(encode(array, "png", icc=SRGB, dpi=(300, 150)))) as image:
            np.testing.assert_array_equal(np.asarray(image), array)
            assert image.info["icc_profile"] == SRGB
            assert image.info["dpi"] == pytest.approx((300, 150), abs=0.02)


def test_png_holds_16_bit_masks() -> None:
    mask = noise(5, 6, 1, 65536)[..., 0]
    with Image.open(BytesIO(encode(mask, "png"))) as image:
        assert image.mode == "I;16"
        np.testing.assert_array_equal(np.asarray(image), mask)


def test_webp_is_lossless_down_to_hidden_colours() -> None:
    rgba = noise(20, 30, 4)
    rgba[:10, :, 3] = 0
    data = encode(rgba, "webp", icc=SRGB, dpi=(72, 72))
    picture = read_picture(data, max_pixels=LIMIT)
    np.testing.assert_array_equal(np.dstack([picture.rgb, picture.alpha]), rgba)
    assert picture.icc == SRGB
    assert len(encode(rgba, "webp", quality=30)) < len(data) / 2
    assert len(encode(rgba, "webp", quality=0)) < len(data) / 2


def test_jpg_keeps_profile_resolution_and_most_of_the_picture() -> None:
    smooth = np.asarray(Image.fromarray(noise(4, 5)).resize((40, 32)))
    data = encode(smooth, "jpg", icc=SRGB, dpi=(300, 150))
    picture = read_picture(data, max_pixels=LIMIT)
    assert np.abs(picture.rgb.astype(int) - smooth).mean() < 3
    assert (picture.icc, picture.dpi) == (SRGB, (300, 150))
    assert len(encode(smooth, "jpg", quality=10)) < len(data)


@pytest.mark.parametrize("format", ["png", "webp", "jpg"])
def test_encoding_twice_gives_the_same_bytes_without_exif(format: str) -> None:
    array = noise(30, 40)
    data = encode(array, format, icc=SRGB, dpi=(96, 96))  # type: ignore[arg-type]
    assert data == encode(array.copy(), format, icc=SRGB, dpi=(96, 96))  # type: ignore[arg-type]
    with Image.open(BytesIO(data)) as image:
        assert not image.getexif()


def test_what_a_format_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bits"):
        encode(np.zeros((2, 2), np.uint16), "webp")
    with pytest.raises(ValueError, match="16 bits"):
        encode(np.zeros((2, 2, 3), np.uint16), "png")
    with pytest.raises(ValueError, match="flatten"):
        encode(np.zeros((2, 2, 4), np.uint8), "jpg")
    with pytest.raises(OutputError, match="webp holds at most 16383 pixels a side, not 16384x1"):
        encode(np.zeros((1, 16384, 3), np.uint8), "webp")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_creates_parents_and_replaces_whole_files(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "c.png"
    for data in (b"first", b"", b"third"):
        write_atomic(target, data, root=tmp_path)
        assert target.read_bytes() == data
        assert names(target.parent) == ["c.png"]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_the_file_mode_follows_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_atomic(tmp_path / "a.png", b"x", root=tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o666 & ~mask


def test_nothing_is_written_outside_the_root(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "kept.png").write_bytes(b"kept")
    (root / "link").symlink_to(outside, target_is_directory=True)
    (root / "link.png").symlink_to(outside / "kept.png")
    (root / "dangling.png").symlink_to(outside / "new.png")
    (root / "loop").symlink_to(root / "loop")
    for name in (
        "link/a.png",
        "link/deeper/a.png",
        "link.png",
        "dangling.png",
        "../outside/a.png",
        "loop/a.png",
    ):
        with pytest.raises(OutputError, match=r"lies outside|cannot be written"):
            write_atomic(root / name, b"x", root=root)
    assert names(outside) == ["kept.png"] and (outside / "kept.png").read_bytes() == b"kept"
    assert names(root) == ["dangling.png", "link", "link.png", "loop"]


def test_a_root_behind_a_link_and_links_inside_it_are_fine(tmp_path: Path) -> None:
    (tmp_path / "real" / "sub").mkdir(parents=True)
    root = tmp_path / "root"
    root.symlink_to(tmp_path / "real", target_is_directory=True)
    (root / "inner").symlink_to(root / "sub", target_is_directory=True)
    write_atomic(root / "inner" / "a.png", b"x", root=root)
    assert (tmp_path / "real" / "sub" / "a.png").read_bytes() == b"x"


def test_a_folder_is_no_target_and_a_file_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a folder"):
        write_atomic(tmp_path / "a.png", b"x", root=tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomic(tmp_path / "file" / "a.png", b"x", root=tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomic(tmp_path / ("n" * 300 + ".png"), b"x", root=tmp_path)
    assert names(tmp_path) == ["a.png", "file"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    # A real failure in the middle of writing: this process may write files of 4 KB.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError, match="too large") as caught:
            write_atomic(target, bytes(1_000_000), root=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not isinstance(caught.value, DiskFullError)
    assert names(tmp_path) == ["a.png"] and target.read_bytes() == b"old"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DiskFullError, match="no space left"):
        write_atomic(tmp_path / "a.png", b"x", root=tmp_path)
    assert names(tmp_path) == []


def test_a_folder_that_may_not_be_written_to_is_named() -> None:
    with TemporaryDirectory() as place:
        Path(place).chmod(0o555)
        with unprivileged(), pytest.raises(OutputError) as caught:
            write_atomic(Path(place, "a.png"), b"x", root=Path(place))
        assert str(caught.value).startswith(f"{place} may not be written to")
        assert names(Path(place)) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "a.png", b"x", root=tmp_path)
    assert names(tmp_path) == []


# Temporary files

STUCK = """
import os, sys, threading
from pathlib import Path
from birefcli.image.files import write_atomic

def hang(_):
    print("writing", flush=True)
    threading.Event().wait()

os.fsync = hang
write_atomic(Path(sys.argv[1]), b"half", root=Path(sys.argv[2]))
"""


Start: TypeAlias = Callable[[Path, Path], "subprocess.Popen[str]"]


@pytest.fixture
def stuck() -> Iterator[Start]:
    """Start a process that hangs in the middle of writing."""
    started: list[subprocess.Popen[str]] = []

    def start(target: Path, root: Path) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", STUCK, str(target), str(root)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == "writing\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_temporaries_go_when_their_process_is_dead_and_not_before(
    tmp_path: Path, stuck: Start
) -> None:
    target = tmp_path / "sub" / "a.png"
    process = stuck(target, tmp_path)
    (left,) = names(target.parent)
    assert left.startswith(".birefcli-") and str(process.pid) in left
    assert remove_stale_temporaries(tmp_path) == 0
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert names(target.parent) == [left]
    assert remove_stale_temporaries(tmp_path) == 1
    assert names(target.parent) == []


def test_only_temporaries_are_removed(tmp_path: Path) -> None:
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    other = "0" * 8 if host != "0" * 8 else "1" * 8
    random = "0123456789abcdef"
    dead = 2**22 + 5  # beyond the highest process number
    kept = [
        f".birefcli-{host}-{os.getpid()}-{random}.tmp",
        f".birefcli-{other}-{dead}-{random}.tmp",
        f".birefcli-{host}-{dead}-{random}.png",
        f"birefcli-{host}-{dead}-{random}.tmp",
        "a.tmp",
    ]
    gone = [f".birefcli-{host}-{dead}-{random}.tmp", f".birefcli-{other}-1-{random}.tmp"]
    for name in (*kept, *gone):
        (tmp_path / name).touch()
    two_days_ago = time.time() - 2 * 24 * 60 * 60
    os.utime(tmp_path / gone[1], (two_days_ago, two_days_ago))
    (tmp_path / "sub").mkdir()
    deeper = tmp_path / "sub" / gone[0]
    deeper.touch()
    assert remove_stale_temporaries(tmp_path, recursive=False) == 2
    assert names(tmp_path) == sorted([*kept, "sub"]) and deeper.exists()
    assert remove_stale_temporaries(tmp_path) == 1
    assert not deeper.exists()


def test_a_missing_root_has_no_temporaries(tmp_path: Path) -> None:
    assert remove_stale_temporaries(tmp_path / "none") == 0


def test_many_writers_of_one_target_leave_one_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    contents = [bytes([i]) * 50_000 for i in range(8)]
    threads = [
        threading.Thread(target=write_atomic, args=(target, data), kwargs={"root": tmp_path})
        for data in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() in contents
    assert names(tmp_path) == ["a.png"]


# Finding


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(root: Path, recursive: bool = True) -> list[str]:
    return [
        path.relative_to(root).as_posix()
        for path in find_pictures(root, recursive=recursive).pictures
    ]


def test_pictures_come_in_natural_order(tmp_path: Path) -> None:
    order = ["A1.png", "a2.jpg", "a10.png", "B/frame2.png", "B/frame10.PNG", "c.webp", "É.png"]
    touch(tmp_path, *order)
    assert found(tmp_path) == order


def test_the_order_does_not_hang_on_the_order_of_the_disk(tmp_path: Path) -> None:
    order = ["1.png", "01.png", "10.png", "2.png", "a.png", "A.png", "²3.png", "x٣.png"]
    touch(tmp_path / "one", *order)
    touch(tmp_path / "two", *reversed(order))
    assert found(tmp_path / "one") == found(tmp_path / "two")


def test_the_rest_is_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "notes.txt", "b.xcf", "noext", ".hidden.png", "sub/c.JPEG", "sub/d.md")
    touch(tmp_path, ".git/x.png", "sub/.cache/y.png", "out/.birefcli/journal.jsonl", "out/a.png")
    touch(tmp_path, "out/deeper/b.png", "sub/.birefcli-0-0-0.tmp")
    result = find_pictures(tmp_path, recursive=True)
    assert result.pictures == (tmp_path / "a.png", tmp_path / "sub" / "c.JPEG")
    assert (result.ignored, result.hidden, result.own) == (4, 3, (tmp_path / "out",))
    flat = find_pictures(tmp_path, recursive=False)
    assert flat.pictures == (tmp_path / "a.png",)
    assert (flat.ignored, flat.hidden, flat.own) == (3, 1, ())


def test_a_folder_of_ours_can_be_named(tmp_path: Path) -> None:
    touch(tmp_path, ".birefcli/journal.jsonl", "a.png")
    result = find_pictures(tmp_path, recursive=True)
    assert result.pictures == (tmp_path / "a.png",)
    assert (result.hidden, result.own) == (0, ())


def test_links_to_files_count_and_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    touch(tmp_path, "sub/a.png")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "link.png").symlink_to(tmp_path / "sub" / "a.png")
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    assert found(tmp_path) == ["broken.png", "link.png", "self.png", "sub/a.png"]
    assert find_pictures(tmp_path, recursive=True).linked == 1


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    result = find_pictures(tmp_path, recursive=True)
    assert (result.pictures, result.ignored) == ((), 1)


def test_folders_that_cannot_be_listed_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert find_pictures(missing, recursive=True).closed == (missing,)


def test_every_suffix_we_look_for_is_one_pillow_opens() -> None:
    assert not PICTURE_SUFFIXES - set(Image.registered_extensions())


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    data = noise(100, 100).tobytes() * 10
    (tmp_path / "a").write_bytes(data)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(data).hexdigest()
