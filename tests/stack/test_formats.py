"""PSD, Aseprite, sheet, SVG and preview hold the stack, as other programs and the formats say."""

import json
import struct
import zlib
from base64 import b64decode
from dataclasses import dataclass, replace
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from stacks import bare_stack, draw_stack, evidence, files_of, picture_of, thin_stack

from birefcli.errors import OutputError, PictureError
from birefcli.image.types import Rgba
from birefcli.stack.formats.packbits import pack_rows, unpack
from birefcli.stack.formats.preview import FRAMES, MOST_BYTES, animate, frames
from birefcli.stack.formats.psd import PSB, build_psd
from birefcli.stack.formats.psd_read import parse_psd
from birefcli.stack.resize import enlarged
from birefcli.stack.trimmed_layers import TrimmedLayer, place_on_canvas, trim_layer, trim_layers
from birefcli.stack.types import Layer, PictureKind, Stack

# PSD


@given(arrays(np.uint8, (3, 300), elements=st.integers(0, 2)))
def test_packed_rows_unpack_to_themselves(channel: np.ndarray) -> None:
    rows = pack_rows(channel)
    assert np.array_equal([unpack(row, 300) for row in rows], channel)


@pytest.mark.parametrize("width", [1, 2, 3, 127, 128, 129, 130, 257, 1000])
def test_rows_of_one_colour_pack_small_and_noise_hardly_grows(width: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, width), np.uint8)
    one = np.full((4, width), 7, np.uint8)
    for channel, limit in ((one, 2 * (width // 128 + 1) + 1), (noise, None)):
        for row, packed in zip(channel, pack_rows(channel), strict=True):
            assert np.array_equal(unpack(packed, width), row)
            assert len(packed) <= (limit or width + width // 128 + 1)


@pytest.mark.parametrize("stack", [draw_stack(), thin_stack(), bare_stack((1, 1))])
def test_psd_tools_reads_the_layers_we_wrote(stack: Stack) -> None:
    psd_tools = pytest.importorskip("psd_tools")
    data = files_of(stack, "psd")["scene.psd"]
    psd = psd_tools.PSDImage.open(BytesIO(data))
    assert (psd.height, psd.width) == stack.size
    expected = [("background", stack.background), *((x.name, x.rgba) for x in stack.layers)]
    assert [layer.name for layer in psd] == [name for name, _ in expected]
    for number, (layer, (name, rgba)) in enumerate(zip(psd, expected, strict=True)):
        piece = trim_layer(number, name, rgba)
        assert layer.bbox == piece.box
        assert np.array_equal(np.asarray(layer.topil().convert("RGBA")), piece.rgba)
        assert (layer.opacity, layer.blend_mode.value) == (255, b"norm")
        assert not layer.has_mask()


@pytest.mark.parametrize("stack", [draw_stack(), thin_stack()])
def test_pillow_shows_the_picture_of_a_psd(stack: Stack) -> None:
    with Image.open(BytesIO(files_of(stack, "psd")["scene.psd"])) as image:
        shown = np.asarray(image)
    assert np.array_equal(shown, picture_of(stack)[..., : shown.shape[2]])
    # A negative count of layers says that the fourth channel is alpha.
    data = files_of(stack, "psd")["scene.psd"]
    assert struct.unpack_from(">h", data, 42)[0] == (-4 if shown.shape[2] == 4 else 4)
    assert shown.shape[2] == (4 if (stack.background[..., 3] < 255).any() else 3)


def test_a_picture_too_large_for_a_psd_becomes_a_psb() -> None:
    stack = bare_stack((2, 30_001))
    files = files_of(stack, "psd")
    assert "scene.psd" not in files
    data = files["scene.psb"]
    assert struct.unpack_from(">4sH", data) == (b"8BPS", 2)
    (background,) = parse_psd(data)
    assert np.array_equal(background, stack.background)


def test_psd_tools_reads_a_psb() -> None:
    psd_tools = pytest.importorskip("psd_tools")
    stack = draw_stack()
    data = build_psd(trim_layers(stack), picture_of(stack), widths=PSB)
    psd = psd_tools.PSDImage.open(BytesIO(data))
    for layer, piece in zip(psd, trim_layers(stack), strict=True):
        assert np.array_equal(np.asarray(layer.topil().convert("RGBA")), piece.rgba)
    for mine, piece in zip(parse_psd(data), trim_layers(stack), strict=True):
        assert np.array_equal(mine, piece.whole)


def test_a_picture_too_large_for_a_psb_is_refused() -> None:
    piece = TrimmedLayer(0, "background", (0, 0, 1, 1), np.zeros((1, 1, 4), np.uint8), (1, 300_001))
    with pytest.raises(OutputError, match="at most 300000"):
        build_psd([piece], np.zeros((1, 300_001, 4), np.uint8))


def test_a_broken_psd_is_named() -> None:
    data = files_of(draw_stack(), "psd")["scene.psd"]
    for broken in (b"", b"8BPT" + data[4:], data[:200], data.replace(b"norm", b"mul ", 1)):
        with pytest.raises(PictureError, match=r"\.psd cannot be read"):
            parse_psd(broken)


# Aseprite: a reader of its own, byte by byte, from the description of the format


@dataclass(frozen=True, eq=False)
class Sprite:
    depth: int
    transparent: int
    palette: list[tuple[int, ...]]
    layers: list[str]
    pictures: list[Rgba]


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, how: str) -> tuple:  # type: ignore[type-arg]
        values = struct.unpack_from("<" + how, self.data, self.at)
        self.at += struct.calcsize("<" + how)
        return values

    def one(self, how: str) -> int:
        (value,) = self.take(how)
        return value  # type: ignore[no-any-return]

    def zeros(self, count: int) -> None:
        assert self.take(f"{count}s") == (bytes(count),)

    def string(self) -> str:
        (text,) = self.take(f"{self.one('H')}s")
        return text.decode()  # type: ignore[no-any-return]


def read_sprite(data: bytes) -> Sprite:
    file = Reader(data)
    assert file.take("IHH") == (len(data), 0xA5E0, 1)
    width, height, depth, flags, speed = file.take("HHHIH")
    assert flags == 1 and speed == 100
    file.zeros(8)
    transparent = file.one("B")
    file.zeros(3)
    colors, *pixel = file.take("HBB")
    assert pixel == [1, 1]
    assert file.take("hhHH") == (0, 0, 0, 0)
    file.zeros(84)
    assert file.at == 128
    length, magic, old_count, duration = file.take("IHHH")
    assert (length, magic, duration) == (len(data) - 128, 0xF1FA, 100)
    file.zeros(2)
    count = file.one("I")
    assert old_count == count
    palette: list[tuple[int, ...]] = []
    layers, cels = [], []
    for _ in range(count):
        start = file.at
        size, kind = file.take("IH")
        if kind == 0x2019:
            total, first, last = file.take("III")
            assert (first, last) == (0, total - 1)
            file.zeros(8)
            for _ in range(total):
                named, *color = file.take("H4B")
                assert named == 0
                palette.append(tuple(color))
        elif kind == 0x2004:
            assert file.take("HHHHHHB") == (3, 0, 0, 0, 0, 0, 255)
            file.zeros(3)
            layers.append(file.string())
        else:
            assert kind == 0x2005
            index, x, y, opacity, how, z = file.take("HhhBHh")
            assert (index, opacity, how, z) == (len(cels), 255, 2, 0)
            file.zeros(5)
            w, h = file.take("HH")
            pixels = zlib.decompress(data[file.at : start + size])
            file.at = start + size
            cel = np.frombuffer(pixels, np.uint8).reshape(h, w, depth // 8)
            if depth == 8:
                assert cel.max(initial=0) < len(palette)
                cel = np.array(palette, np.uint8)[cel[..., 0]]
            cels.append(place_on_canvas(cel, (x, y, x + w, y + h), (height, width)))
        assert file.at == start + size
    assert file.at == len(data)
    assert colors == len(palette)
    return Sprite(depth, transparent, palette, layers, cels)


def pixel_stack(colors: int = 20, factor: int = 1) -> Stack:
    rng = np.random.default_rng(0)
    book = np.unique(rng.integers(0, 256, (colors, 3), np.uint8), axis=0)
    picked = book[np.arange(24 * 16) % len(book)].reshape(16, 24, 3)
    ground = np.dstack([picked, np.full((16, 24), 255, np.uint8)])
    hero = np.zeros((16, 24, 4), np.uint8)
    hero[4:9, 5:12] = ground[::-1, ::-1][4:9, 5:12]
    hero[6, 7] = 0
    layers = (Layer("01-hero", enlarged(hero, factor), evidence(1)),)
    bare = bare_stack()
    return replace(
        bare,
        background=enlarged(ground, factor),
        layers=layers,
        kind=PictureKind.PIXEL,
        grid=factor,
    )


@pytest.mark.parametrize("colors", [1, 20, 255])
def test_pixel_art_becomes_an_indexed_sprite_that_reads_back(colors: int) -> None:
    stack = pixel_stack(colors)
    sprite = read_sprite(files_of(stack, "ase")["scene.aseprite"])
    assert (sprite.depth, sprite.transparent, sprite.palette[0]) == (8, 0, (0, 0, 0, 0))
    assert len(sprite.palette) == len(set(sprite.palette)) <= 256
    assert sprite.layers == ["background", "01-hero"]
    assert np.array_equal(sprite.pictures[0], stack.background)
    assert np.array_equal(sprite.pictures[1], stack.layers[0].rgba)


@pytest.mark.parametrize("stack", [draw_stack(), thin_stack(), pixel_stack(300)])
def test_many_colours_or_soft_edges_become_a_sprite_of_32_bits(stack: Stack) -> None:
    sprite = read_sprite(files_of(stack, "ase")["scene.aseprite"])
    assert (sprite.depth, sprite.palette) == (32, [])
    assert sprite.layers == ["background", *(layer.name for layer in stack.layers)]
    for mine, layer in zip(sprite.pictures[1:], stack.layers, strict=True):
        assert np.array_equal(mine, layer.rgba)


def test_enlarged_pixel_art_is_written_at_its_own_size() -> None:
    small, large = pixel_stack(), pixel_stack(factor=4)
    ase = [files_of(stack, "ase")["scene.aseprite"] for stack in (small, large)]
    assert ase[0] == ase[1]
    # Where a grid does not fit after all nothing is thrown away.
    odd = large.background.copy()
    odd[0, 0] ^= 255
    odd[0, 0, 3] = 255
    odd_sprite = files_of(replace(large, background=odd), "ase")["scene.aseprite"]
    assert read_sprite(odd_sprite).pictures[0].shape == (64, 96, 4)


def test_a_sprite_without_anything_visible_is_one() -> None:
    stack = replace(bare_stack(), background=np.zeros((8, 8, 4), np.uint8))
    sprite = read_sprite(files_of(stack, "ase")["scene.aseprite"])
    assert not sprite.pictures[0].any()


# Sheet and SVG


@pytest.mark.parametrize("stack", [draw_stack(), bare_stack((1, 1)), pixel_stack()])
def test_every_frame_of_the_sheet_is_its_layer(stack: Stack) -> None:
    files = files_of(stack, "sheet")
    sheet = np.asarray(Image.open(BytesIO(files["sheet.png"])))
    facts = json.loads(files["sheet.json"])
    assert facts["meta"]["size"] == {"w": sheet.shape[1], "h": sheet.shape[0]}
    taken = np.zeros(sheet.shape[:2], int)
    for piece in trim_layers(stack):
        frame = facts["frames"][piece.stem]
        x, y, w, h = (frame["frame"][key] for key in "xywh")
        assert np.array_equal(sheet[y : y + h, x : x + w], piece.rgba)
        assert frame["sourceSize"] == {"w": stack.size[1], "h": stack.size[0]}
        assert [frame["spriteSourceSize"][key] for key in "xy"] == list(piece.box[:2])
        # Neighbours share at most their padding.
        taken[y - 2 : y + h, x - 2 : x + w] += 1
        assert y >= 2 and x >= 2
    assert taken.max() == 1
    assert len(facts["frames"]) == len(stack.layers) + 1


def test_an_svg_holds_every_layer_in_place() -> None:
    stack = draw_stack()
    root = ElementTree.fromstring(files_of(stack, "svg")["scene.svg"])
    assert root.get("viewBox") == "0 0 56 40"
    for image, piece in zip(root, trim_layers(stack), strict=True):
        assert image.get("aria-label") == piece.name
        x, y, w, h = (int(image.get(key, "")) for key in ("x", "y", "width", "height"))
        assert (x, y, x + w, y + h) == piece.box
        png = b64decode(image.get("href", "").removeprefix("data:image/png;base64,"))
        assert np.array_equal(np.asarray(Image.open(BytesIO(png))), piece.rgba)


# Preview


def test_the_preview_sways_lossless_and_shows_what_is_invented() -> None:
    stack = draw_stack()
    drawn = list(frames(stack))
    assert len(drawn) == FRAMES
    # The first frame is the picture itself: what was invented lies hidden.
    assert np.array_equal(drawn[0], picture_of(stack)[..., :3])
    is_red = [(f[..., 0] > f[..., 1] + 60) & (f[..., 0] > f[..., 2] + 60) for f in drawn]
    assert any(red[stack.invented > 0].any() for red in is_red)
    with Image.open(BytesIO(animate(stack))) as image:
        assert image.n_frames == FRAMES  # type: ignore[attr-defined]
        image.seek(6)
        assert np.array_equal(np.asarray(image.convert("RGB")), drawn[6])


def test_a_preview_is_small_whatever_the_picture() -> None:
    noise = draw_stack((700, 900))
    data = animate(noise)
    assert len(data) <= MOST_BYTES
    with Image.open(BytesIO(animate(bare_stack((1, 3000))))) as image:
        assert image.size[0] <= 320


def test_a_preview_of_pixel_art_is_enlarged_by_whole_pixels() -> None:
    with Image.open(BytesIO(animate(pixel_stack()))) as image:
        assert image.size == (24 * 13, 16 * 13)
