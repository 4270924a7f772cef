from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from birefcli.errors import UsageError
from birefcli.image.types import Alpha, Rgb
from birefcli.inpaint.choose import AutoInpainter
from birefcli.inpaint.lama import Lama
from birefcli.inpaint.load import provenance_of
from birefcli.inpaint.protocol import Inpainter, fill
from birefcli.inpaint.table import INPAINTERS as TABLE
from birefcli.workflows.inpainter import load_inpainter

Mask = NDArray[np.bool_]


def _grey(crop: Rgb, mask: Alpha) -> Rgb:
    """A network that paints holes grey, and all else a little wrong as networks do."""
    assert mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 255}
    return np.where(mask[..., None] > 0, np.uint8(128), crop // 2)


# These promise to go on with what is around; others may fill as they like.
CONTINUING = {"auto", "patchmatch", "exemplar", "membrane", "palette", "ns"}
FAKE_LAMA = Lama(_grey, longest=24, sha256="0" * 64)
INPAINTERS: dict[str, Inpainter] = {
    **{entry.name: load_inpainter(entry.name) for entry in TABLE if entry.network is None},
    "lama": FAKE_LAMA,
    "auto+lama": AutoInpainter(slow=FAKE_LAMA),
}
each = pytest.mark.parametrize("inpaint", INPAINTERS.values(), ids=INPAINTERS)

HOLES: dict[str, Callable[[int, int], Mask]] = {
    "nothing": lambda h, w: np.zeros((h, w), bool),
    "everything": lambda h, w: np.ones((h, w), bool),
    "a corner": lambda h, w: np.add.outer(np.arange(h), np.arange(w)) < (h + w) // 4,
    "all but one": lambda h, w: np.arange(h * w).reshape(h, w) > 0,
    "every other": lambda h, w: np.add.outer(np.arange(h), np.arange(w)) % 2 == 1,
    "two": lambda h, w: np.add.outer(np.zeros(h), np.isin(np.arange(w), (1, w - 2))) > 0,
}


def noise(height: int, width: int, seed: int = 0) -> Rgb:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def halves(height: int, width: int) -> NDArray[np.int32]:
    return np.repeat((np.arange(height) >= height // 2)[:, None], width, 1).astype(np.int32)


def test_every_name_is_under_the_contract() -> None:
    assert {*CONTINUING, "lama", "auto+lama"} <= set(INPAINTERS)
    assert all(inpaint.name == name.partition("+")[0] for name, inpaint in INPAINTERS.items())


@each
@pytest.mark.parametrize("make", HOLES.values(), ids=HOLES)
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (25, 17), (3, 60)], ids=str)
def test_only_the_hole_changes(
    inpaint: Inpainter, make: Callable[[int, int], Mask], size: tuple[int, int]
) -> None:
    rgb, hole, labels = noise(*size), make(*size), halves(*size)
    source = ~hole & (np.arange(size[1]) % 3 > 0)
    before = [array.copy() for array in (rgb, hole, labels, source)]
    for given in (
        {},
        {"labels": labels},
        {"source": source},
        {"labels": labels, "source": source},
        {"source": np.zeros_like(hole)},
    ):
        filled = inpaint(rgb, hole, **given)  # type: ignore[arg-type]
        assert filled.shape == rgb.shape and filled.dtype == np.uint8
        np.testing.assert_array_equal(filled[~hole], rgb[~hole])
    filled[:] = 7  # a result is the caller's own
    for array, old in zip((rgb, hole, labels, source), before, strict=True):
        np.testing.assert_array_equal(array, old)


@each
def test_what_lies_in_the_hole_never_shows(inpaint: Inpainter) -> None:
    rgb = noise(40, 48)
    hole = np.zeros((40, 48), bool)
    hole[9:30, 14:33] = True
    other = np.where(hole[..., None], noise(40, 48, seed=1), rgb)
    np.testing.assert_array_equal(inpaint(rgb, hole, seed=3), inpaint(other, hole, seed=3))


@each
def test_what_continues_its_surroundings_keeps_a_plain_ground_plain(inpaint: Inpainter) -> None:
    rgb = np.full((40, 48, 3), (30, 90, 200), np.uint8)
    hole = np.zeros((40, 48), bool)
    hole[5:30, 14:] = True
    if inpaint.name in CONTINUING:
        np.testing.assert_array_equal(inpaint(rgb, hole), rgb)


@each
def test_each_region_is_filled_from_its_own_side(inpaint: Inpainter) -> None:
    # The hole lies across the border, and reaches far into the lower region.
    labels = halves(48, 40)
    rgb = np.where(labels[..., None] > 0, np.uint8([200, 30, 30]), np.uint8([30, 30, 200]))
    hole = np.zeros((48, 40), bool)
    hole[21:44, 8:32] = True
    if inpaint.name in CONTINUING:
        filled = inpaint(np.where(hole[..., None], np.uint8(0), rgb), hole, labels=labels)
        np.testing.assert_array_equal(filled, rgb)


@each
def test_a_fill_says_how_it_was_made(inpaint: Inpainter) -> None:
    rgb = noise(40, 48)
    hole = np.zeros((40, 48), bool)
    hole[15:25, 20:28] = True
    told = fill(inpaint, rgb, hole, labels=halves(40, 48), seed=5)
    np.testing.assert_array_equal(told.rgb, inpaint(rgb, hole, labels=halves(40, 48), seed=5))
    assert told.label_prior
    assert not fill(inpaint, rgb, hole).label_prior
    assert told.backend == inpaint.name or isinstance(inpaint, AutoInpainter)
    assert (told.proxy_l1 is not None) == isinstance(inpaint, AutoInpainter)


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(UsageError, match="exemplar, membrane"):
        load_inpainter("telea")
    with pytest.raises(UsageError):
        load_inpainter("exemplar:file.pt")


def test_loading_looks_for_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAMA_MODEL", str(tmp_path / "none.pt"))
    assert load_inpainter("auto").name == "auto"


def test_the_manifest_records_what_the_table_says_of_weights() -> None:
    keys = {key for entry in TABLE for key in entry.provenance}
    for name, inpaint in INPAINTERS.items():
        has_weights = any(entry.name == name and entry.provenance for entry in TABLE)
        told = provenance_of(inpaint)
        assert set(told) == keys
        assert told == ({"lama_sha256": "0" * 64} if has_weights else dict.fromkeys(keys))
