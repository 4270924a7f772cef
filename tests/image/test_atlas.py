"""Every frame comes back from its sheet and JSON, as a reader of these files takes them."""

import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from birefcli.errors import UsageError
from birefcli.image.atlas import Atlas, Tag, pack
from birefcli.image.atlas_json import AtlasForm, atlas_to_json
from birefcli.image.files import encode
from birefcli.image.placing import place

FORMS: tuple[AtlasForm, ...] = (
    *("aseprite-hash", "aseprite-array"),
    *("texturepacker-hash", "texturepacker-array"),
)


def sprites(count: int = 12, seed: int = 0) -> list[np.ndarray]:
    """Blocks of noise of any size, somewhere in frames of any size; the last two look the same."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count - 1):
        height, width = rng.integers(12, 60, 2)
        frame = np.zeros((height, width, 4), np.uint8)
        h, w = rng.integers(3, height - 4), rng.integers(3, width - 4)
        y, x = rng.integers(0, height - h), rng.integers(0, width - w)
        frame[y : y + h, x : x + w] = rng.integers(1, 256, (h, w, 4))
        frames.append(frame)
    return [*frames, frames[-1].copy()]


def named(frames: list[np.ndarray]) -> list[str]:
    return [f"walk_{i:02}" for i in range(len(frames))]


def read_back(sheet: bytes, text: bytes) -> dict[str, np.ndarray]:
    """Restore whole frames from the files alone."""
    picture = Image.open(BytesIO(sheet))
    facts = json.loads(text)
    frames = facts["frames"]
    if isinstance(frames, list):
        frames = {frame["filename"]: frame for frame in frames}
    restored = {}
    for name, fact in frames.items():
        x, y, w, h = (fact["frame"][key] for key in "xywh")
        piece = picture.crop((x, y, x + w, y + h))
        whole = Image.new("RGBA", (fact["sourceSize"]["w"], fact["sourceSize"]["h"]))
        whole.paste(piece, (fact["spriteSourceSize"]["x"], fact["spriteSourceSize"]["y"]))
        assert (w, h) == (fact["spriteSourceSize"]["w"], fact["spriteSourceSize"]["h"])
        assert fact["trimmed"] == ((w, h) != whole.size)
        assert fact["rotated"] is False
        restored[name] = np.array(whole)
    assert facts["meta"]["size"] == {"w": picture.width, "h": picture.height}
    assert facts["meta"]["image"] == "walk.png"
    return restored


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("trim", [True, False])
@pytest.mark.parametrize("power_of_two", [True, False])
@pytest.mark.parametrize("extrude", [0, 2])
def test_every_frame_comes_back(
    form: AtlasForm, trim: bool, power_of_two: bool, extrude: int
) -> None:
    frames = sprites()
    atlas = pack(frames, named(frames), trim=trim, extrude=extrude, power_of_two=power_of_two)
    restored = read_back(encode(atlas.rgba, "png"), atlas_to_json(atlas, form, image="walk.png"))
    assert list(restored) == named(frames)
    for frame, got in zip(frames, restored.values(), strict=True):
        assert np.array_equal(frame, got)


def taken(atlas: Atlas, reach: int) -> np.ndarray:
    """How often every pixel of the sheet is a frame's, with that many pixels around it."""
    count = np.zeros(atlas.rgba.shape[:2], int)
    for left, top, right, bottom in {entry.box for entry in atlas.entries}:
        assert left - reach >= 0
        assert top - reach >= 0
        assert right + reach <= count.shape[1]
        assert bottom + reach <= count.shape[0]
        count[top - reach : bottom + reach, left - reach : right + reach] += 1
    return count


@pytest.mark.parametrize(("padding", "extrude"), [(0, 0), (1, 0), (3, 2), (0, 1)])
def test_frames_keep_their_distance(padding: int, extrude: int) -> None:
    frames = sprites(40)
    atlas = pack(frames, named(frames), padding=padding, extrude=extrude)
    assert taken(atlas, extrude).max() == 1
    # With half of the padding around each, frames still lie apart.
    if padding == 1:
        boxes = {e.box for e in atlas.entries}
        count = np.zeros(atlas.rgba.shape[:2], int)
        for left, top, right, bottom in boxes:
            count[top : bottom + 1, left : right + 1] += 1
        assert count.max() == 1
    elif padding == 3:
        assert taken(atlas, extrude + 1).max() == 1
    assert not atlas.rgba[taken(atlas, extrude) == 0].any()


def test_extrude_repeats_the_pixels_of_the_edge() -> None:
    frames = sprites(5)
    atlas = pack(frames, named(frames), extrude=2)
    for left, top, right, bottom in (entry.box for entry in atlas.entries):
        for y in range(top - 2, bottom + 2):
            for x in range(left - 2, right + 2):
                near = min(max(y, top), bottom - 1), min(max(x, left), right - 1)
                assert np.array_equal(atlas.rgba[y, x], atlas.rgba[near])


def test_frames_that_look_the_same_share_one_place() -> None:
    frames = sprites()
    moved = np.zeros((70, 80, 4), np.uint8)
    moved[9 : 9 + frames[0].shape[0], 11 : 11 + frames[0].shape[1]] = frames[0]
    frames.append(moved)
    shared = pack(frames, named(frames))
    assert len({entry.box for entry in shared.entries}) == len(frames) - 2
    assert shared.entries[0].box == shared.entries[-1].box
    assert shared.entries[0].offset != shared.entries[-1].offset
    alone = pack(frames, named(frames), share_duplicates=False)
    assert len({entry.box for entry in alone.entries}) == len(frames)


def test_sides_are_powers_of_two_and_within_the_limit() -> None:
    for seed in range(5):
        frames = sprites(20, seed)
        height, width = pack(frames, named(frames), power_of_two=True).rgba.shape[:2]
        assert height & (height - 1) == 0
        assert width & (width - 1) == 0
    assert max(pack(frames, named(frames), max_size=200).rgba.shape) <= 200
    with pytest.raises(UsageError, match="20 frames do not fit on one sheet of 64x64"):
        pack(frames, named(frames), max_size=64)


def test_equal_frames_lie_in_rows_in_their_order() -> None:
    frames = [np.full((16, 16, 4), i + 1, np.uint8) for i in range(16)]
    atlas = pack(frames, named(frames), trim=False, padding=0)
    assert atlas.rgba.shape == (64, 64, 4)
    corners = [(entry.box[1], entry.box[0]) for entry in atlas.entries]
    assert corners == sorted(corners)


def test_the_sheet_is_filled_well_and_always_the_same() -> None:
    frames = sprites(80)
    one, two = (pack(frames, named(frames), padding=0) for _ in range(2))
    assert encode(one.rgba, "png") == encode(two.rgba, "png")
    assert one.entries == two.entries
    assert (taken(one, 0) > 0).mean() > 0.85


def test_a_frame_of_nothing_keeps_a_pixel_and_comes_back() -> None:
    frames = [np.zeros((9, 7, 4), np.uint8), np.full((9, 7, 4), 5, np.uint8)]
    atlas = pack(frames, ["none", "all"])
    left, top, right, bottom = atlas.entries[0].box
    assert (right - left, bottom - top) == (1, 1)
    text = atlas_to_json(atlas, "aseprite-array", image="walk.png")
    assert not read_back(encode(atlas.rgba, "png"), text)["none"].any()


def test_times_tags_and_pivots_are_said_as_each_program_says_them() -> None:
    frames = [np.full((20, 10, 4), i + 1, np.uint8) for i in range(4)]
    pivots = [(5.0, 20.0)] * 3 + [(4.0, 20.0)]
    atlas = pack(frames, named(frames), durations=[60, 80.4, 100, 60], pivots=pivots)
    tags = [Tag("walk", 0, 2), Tag("rest", 3, 3)]
    ase = json.loads(atlas_to_json(atlas, "aseprite-array", image="a.png", tags=tags))
    assert [frame["duration"] for frame in ase["frames"]] == [60, 80, 100, 60]
    assert ase["meta"]["frameTags"] == [
        {"name": "walk", "from": 0, "to": 2, "direction": "forward"},
        {"name": "rest", "from": 3, "to": 3, "direction": "forward"},
    ]
    keys = ase["meta"]["slices"][0]["keys"]
    assert [(key["frame"], key["pivot"]) for key in keys] == [
        (0, {"x": 5, "y": 20}),
        (3, {"x": 4, "y": 20}),
    ]
    other = json.loads(atlas_to_json(atlas, "texturepacker-hash", image="a.png", tags=tags))
    assert other["frames"]["walk_00"]["pivot"] == {"x": 0.5, "y": 1.0}
    assert other["animations"] == {"walk": ["walk_00", "walk_01", "walk_02"], "rest": ["walk_03"]}
    assert other["meta"]["scale"] == "1"
    assert "slices" not in other["meta"]


def test_names_must_tell_frames_apart() -> None:
    with pytest.raises(ValueError, match="one name each"):
        pack(sprites(3), ["a", "a", "b"])


def test_placing_as_a_slow_check_sees_it() -> None:
    rng = np.random.default_rng(3)
    for power_of_two in (False, True):
        sizes = [(int(h), int(w)) for h, w in rng.integers(1, 40, (60, 2))]
        placed = place(sizes, padding=1, power_of_two=power_of_two, max_size=4096)
        assert placed is not None
        count = np.zeros(placed.size, int)
        for (x, y), (h, w) in zip(placed.corners, sizes, strict=True):
            assert min(x, y) >= 1
            assert x + w < placed.size[1]
            assert y + h < placed.size[0]
            count[y : y + h + 1, x : x + w + 1] += 1
        assert count.max() == 1
