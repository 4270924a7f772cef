"""A stack and its files say the same, to the last bit, whoever reads them."""

import json
import zipfile
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from stacks import (
    ALL,
    ENGINE,
    SOURCE,
    bare_stack,
    draw_stack,
    evidence,
    files_of,
    picture_of,
    thin_stack,
)

from birefcli.errors import PictureError
from birefcli.stack.compositing import composite, composite_with_pillow
from birefcli.stack.formats.ora import parse_ora
from birefcli.stack.formats.write_all import stack_files
from birefcli.stack.manifest import FILE, MASK_FILE, read_manifest, rounded
from birefcli.stack.read import read_files
from birefcli.stack.trimmed_layers import plain_name, trim_layers
from birefcli.stack.types import Layer, Stack
from birefcli.stack.verify import compare, measure_recomposition, require_exact

STACKS = {
    "soft": draw_stack(),
    "thin": thin_stack(),
    "bare": bare_stack(),
    "one pixel": bare_stack((1, 1)),
    "long": draw_stack((300, 5)),
}
each = pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)


def assert_same(one: Stack, other: Stack) -> None:
    """Compare all but the last digits of the evidence."""
    assert np.array_equal(one.background, other.background)
    assert [layer.name for layer in one.layers] == [layer.name for layer in other.layers]
    for mine, theirs in zip(one.layers, other.layers, strict=True):
        assert np.array_equal(mine.rgba, theirs.rgba)
        facts = rounded(vars(mine.evidence) | {"votes": [vars(v) for v in mine.evidence.votes]})
        again = vars(theirs.evidence) | {"votes": [vars(v) for v in theirs.evidence.votes]}
        assert facts == again
    assert (one.kind, one.stop, one.cycles) == (other.kind, other.stop, other.cycles)
    assert all(np.array_equal(a, b) for a, b in zip(one.bottoms, other.bottoms, strict=True))


@each
def test_a_stack_is_read_back_from_its_files_as_it_was(stack: Stack) -> None:
    assert_same(stack, read_files(files_of(stack)).stack)


@each
def test_the_same_stack_gives_the_same_bytes(stack: Stack) -> None:
    first = files_of(stack, *ALL)
    assert files_of(read_files(first).stack, *ALL) == first


@each
def test_every_way_back_gives_the_picture(stack: Stack) -> None:
    files = files_of(stack, "ora", "psd")
    require_exact("it", stack, picture_of(stack), files)
    assert measure_recomposition(stack, picture_of(stack)).is_exact


def test_one_wrong_pixel_in_any_file_is_found() -> None:
    stack = draw_stack()
    changed = stack.background.copy()
    changed[3, 4, 1] ^= 1
    wrong = files_of(replace(stack, background=changed), "ora", "psd")
    right = files_of(stack, "ora", "psd")
    for name in ("scene.ora", "scene.psd", "layers/00_background.png"):
        with pytest.raises(PictureError, match="1 pixels differ by up to 1") as error:
            require_exact("it", stack, picture_of(stack), right | {name: wrong[name]})
        assert error.value.reason == "not-exact"
    with pytest.raises(PictureError, match="in whole numbers"):
        require_exact("it", replace(stack, background=changed), picture_of(stack), right)


# Laying


def test_our_layers_lie_as_pillows_do() -> None:
    rng = np.random.default_rng(1)
    for stack in (draw_stack(), thin_stack()):
        layers = [layer.rgba for layer in stack.layers]
        assert np.array_equal(
            composite(stack.background, layers), composite_with_pillow(stack.background, layers)
        )
    noise = rng.integers(0, 256, (2, 64, 64, 4), np.uint8)
    apart = composite(noise[0], [noise[1]]).astype(int) - composite_with_pillow(
        noise[0], [noise[1]]
    )
    # Where both are thin Pillow's own rounding may be off by one.
    assert np.abs(apart).max() <= 1


def test_what_nobody_sees_never_differs() -> None:
    one = np.zeros((2, 2, 4), np.uint8)
    other = one.copy()
    other[..., :3] = 200
    assert compare(one, other).is_exact
    other[0, 0, 3] = 1
    assert compare(one, other).differing_px == 1


def test_overlapping_soft_rims_are_counted() -> None:
    verdict = measure_recomposition(draw_stack(), picture_of(draw_stack()))
    rims = sum(
        ((layer.rgba[..., 3] > 0) & (layer.rgba[..., 3] < 255)).astype(int)
        for layer in draw_stack().layers
    )
    assert verdict.soft_overlap_px == np.count_nonzero(rims > 1) > 0


# The manifest


def test_the_manifest_has_its_keys_in_their_order() -> None:
    manifest = json.loads(files_of(draw_stack())[FILE])
    assert manifest["schema"] == "birefcli.peel/1"
    assert list(manifest) == [
        *("schema", "source", "engine", "canvas", "layers", "graph"),
        *("hallucinated", "stop", "verify"),
    ]
    assert list(manifest["source"]) == ["file", "sha256", "size", "mode", "icc", "kind", "grid"]
    assert manifest["source"]["size"] == [56, 40]
    assert list(manifest["engine"]) == [
        *("version", "segmenter", "inpaint", "depth", "seed", "options")
    ]
    assert manifest["canvas"] == {"w": 56, "h": 40}
    for layer in manifest["layers"]:
        assert list(layer) == [
            *("index", "name", "file", "box", "pass", "area_px", "opaque_px", "soft_px"),
            *("confidence", "exposure", "order_votes", "hidden_px", "alpha_raised_px"),
            *("hole", "fill", "parent", "depth"),
        ]
    assert manifest["graph"] == {"edges": [[2, 1, 0.1235]], "cycles": [[1, 2, 3]]}
    assert manifest["verify"] == {
        **{"exact": True, "differing_px": 0, "max_abs": 0},
        "soft_overlap_px": measure_recomposition(
            draw_stack(), picture_of(draw_stack())
        ).soft_overlap_px,
        "formula": "straight alpha, encoded 8-bit, round",
    }


def test_numbers_in_the_manifest_are_short_and_have_no_minus_zero() -> None:
    assert json.dumps(rounded([1 / 3, -0.00001, np.float32(0.5), np.int64(3), float("nan")])) == (
        "[0.3333, 0.0, 0.5, 3, null]"
    )


def test_counts_in_the_manifest_are_those_of_the_pixels() -> None:
    stack = draw_stack()
    layers = json.loads(files_of(stack)[FILE])["layers"]
    for entry, rgba in zip(
        layers, [stack.background, *(layer.rgba for layer in stack.layers)], strict=True
    ):
        left, top, width, height = entry["box"]
        outside = rgba[..., 3].copy()
        outside[top : top + height, left : left + width] = 0
        assert not outside.any()
        assert entry["area_px"] == np.count_nonzero(rgba[..., 3])
        assert entry["soft_px"] == np.count_nonzero((rgba[..., 3] > 0) & (rgba[..., 3] < 255))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"birefcli.peel/1", b"birefcli.peel/9"),
        (b'"index": 1', b'"index": 4'),
        (b'"canvas"', b'"canvass"'),
        (b"{", b"["),
        (b'"kind": "photo"', b'"kind": "odd"'),
    ],
)
def test_a_damaged_manifest_is_named(old: bytes, new: bytes) -> None:
    data = files_of(draw_stack())[FILE]
    assert old in data
    with pytest.raises(PictureError, match=r"x/manifest\.json is damaged"):
        read_manifest(data.replace(old, new, 1), "x/manifest.json")


def test_the_mask_holds_the_numbers_of_the_layers() -> None:
    stack = draw_stack()
    files = files_of(stack)
    assert json.loads(files[FILE])["hallucinated"] == {
        "px": np.count_nonzero(stack.invented),
        "mask_file": MASK_FILE,
    }
    assert np.array_equal(read_files(files).stack.invented, stack.invented)
    assert MASK_FILE not in files_of(bare_stack())


# Names and pieces


def test_names_are_plain_and_files_are_numbered() -> None:
    assert [piece.file for piece in trim_layers(draw_stack())] == [
        *("layers/00_background.png", "layers/01_dog.png"),
        *("layers/02_cat-mouse.png", "layers/03_sun.png"),
    ]
    assert [plain_name(name) for name in ("../x", "犬", "", "7", "07-object", "a" * 99)] == [
        *("x", "layer", "layer", "7", "object", "a" * 40)
    ]


def test_an_empty_layer_is_one_clear_pixel() -> None:
    stack = bare_stack()
    nothing = Layer("ghost", np.zeros((8, 8, 4), np.uint8), evidence(1))
    (_, piece) = trim_layers(replace(stack, layers=(nothing,)))
    assert (piece.box, piece.rgba.tolist()) == ((0, 0, 1, 1), [[[0, 0, 0, 0]]])


def test_full_and_bottoms_are_pictures_of_the_whole_canvas() -> None:
    stack = draw_stack()
    files = files_of(stack, "full", "bottoms")
    with Image.open(BytesIO(files["full/01_dog.png"])) as image:
        assert np.array_equal(np.asarray(image), stack.layers[0].rgba)
    with Image.open(BytesIO(files["bottoms/02_cat-mouse.png"])) as image:
        assert np.array_equal(np.asarray(image), stack.bottoms[1])


def test_the_colour_profile_goes_into_every_picture() -> None:
    icc = bytes(16) + b"RGB " + bytes(60)
    files = files_of(draw_stack(), *ALL, source=replace(SOURCE, icc=icc))
    for name in ("layers/00_background.png", "layers/03_sun.png"):
        with Image.open(BytesIO(files[name])) as image:
            assert image.info["icc_profile"] == icc
    with (
        zipfile.ZipFile(BytesIO(files["scene.ora"])) as archive,
        Image.open(archive.open("mergedimage.png")) as image,
    ):
        assert image.info["icc_profile"] == icc
    with Image.open(BytesIO(files["scene.psd"])) as image:
        assert image.info["icc_profile"] == icc
    assert read_files(files).source.icc == icc


def test_standard_input_gives_files_a_name_too() -> None:
    names = files_of(draw_stack(), "ora", source=replace(SOURCE, file="-"))
    assert "stdin.ora" in names


def test_explaining_shows_every_step() -> None:
    stack = draw_stack()
    picture = picture_of(stack)
    verdict = measure_recomposition(stack, picture)
    files = stack_files(stack, picture, SOURCE, ENGINE, verdict, (), explains=True)
    with Image.open(BytesIO(files["explain/steps.webp"])) as image:
        assert image.size == (4 * 240, 3 * 260)
    with Image.open(BytesIO(files["explain/exploded.webp"])) as image:
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 50


# OpenRaster, by its specification


def test_an_ora_is_what_its_specification_wants() -> None:
    stack = draw_stack((300, 400))
    data = files_of(stack, "ora")["scene.ora"]
    # A reader may look for the type at its place in the first bytes.
    assert data[30:38] == b"mimetype" and data[38:54] == b"image/openraster"
    with zipfile.ZipFile(BytesIO(data)) as archive:
        infos = archive.infolist()
        assert infos[0].filename == "mimetype" and infos[0].compress_type == zipfile.ZIP_STORED
        assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.compress_type for info in infos} <= {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
        root = ElementTree.fromstring(archive.read("stack.xml"))
        assert (root.tag, root.get("w"), root.get("h")) == ("image", "400", "300")
        assert root.get("version") and len(root) == 1
        layers = list(root[0])
        # The first is on top.
        assert [layer.get("name") for layer in layers] == [
            *("sun", "cat & <mouse>", "03-dög", "background")
        ]
        assert all(layer.get("composite-op") == "svg:src-over" for layer in layers)
        assert json.loads(archive.read("birefcli.json"))["schema"] == "birefcli.peel/1"
        with Image.open(archive.open("mergedimage.png")) as image:
            assert image.mode == "RGB"
            assert np.array_equal(np.asarray(image), picture_of(stack)[..., :3])
        with Image.open(archive.open("Thumbnails/thumbnail.png")) as image:
            assert (image.size, image.info.get("interlace", 0)) == ((256, 192), 0)


def test_a_broken_ora_is_named() -> None:
    data = files_of(draw_stack(), "ora")["scene.ora"]
    with pytest.raises(PictureError, match=r"\.ora cannot be read"):
        parse_ora(data[:100])


def test_a_thumbnail_is_never_enlarged() -> None:
    data = files_of(bare_stack(), "ora")["scene.ora"]
    with (
        zipfile.ZipFile(BytesIO(data)) as archive,
        Image.open(archive.open("Thumbnails/thumbnail.png")) as image,
    ):
        assert image.size == (8, 8)
