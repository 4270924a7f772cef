from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from birefcli.image.types import Rgb
from birefcli.inpaint.choose import (
    LONGEST,
    AutoInpainter,
    is_drawn,
    proxy_holes,
    visible_difference,
)
from birefcli.inpaint.ground import continue_planes
from birefcli.inpaint.protocol import fill

Mask = NDArray[np.bool_]


@dataclass
class Painter:
    """Fills with the truth, off by some levels, and counts how often it is asked."""

    name: str
    truth: Rgb
    off: int
    asked: list[tuple[int, ...]] = field(default_factory=list)

    def __call__(
        self,
        rgb: Rgb,
        hole: Mask,
        *,
        labels: NDArray[np.int32] | None = None,
        source: Mask | None = None,
        seed: int = 0,
    ) -> Rgb:
        self.asked.append(hole.shape)
        # A crop of the truth lies where the known pixels agree with it, the first of them too.
        height, width = hole.shape
        down, over = np.argwhere(~hole)[0]
        for top, left in np.argwhere((self.truth == rgb[down, over]).all(-1)) - (down, over):
            crop = self.truth[top : top + height, left : left + width]
            is_inside = min(top, left) >= 0 and crop.shape == rgb.shape
            if is_inside and (crop[~hole] == rgb[~hole]).all():
                return np.where(hole[..., None], crop + np.uint8(self.off), rgb)
        raise AssertionError("this is no part of the picture")


def photo(height: int, width: int) -> Rgb:
    return np.random.default_rng(0).integers(0, 200, (height, width, 3), dtype=np.uint8)


def scene() -> tuple[Rgb, Mask]:
    rgb = photo(140, 300)
    hole = np.zeros((140, 300), bool)
    hole[60:80, 130:170] = True
    return rgb, hole


def chosen(*offs: int, slow: int | None = None) -> tuple[str, float | None, list[Painter]]:
    rgb, hole = scene()
    painters = [Painter(f"painter {off}", rgb, off) for off in offs]
    last = None if slow is None else Painter("slow", rgb, slow)
    auto = AutoInpainter(tuple(painters), slow=last)
    told = fill(auto, rgb, hole)
    return told.backend, told.proxy_l1, painters + ([last] if last else [])


def test_the_least_error_on_proxies_wins_and_is_told() -> None:
    assert chosen(9, 4)[:2] == ("painter 4", 4)
    assert chosen(4, 9)[:2] == ("painter 4", 4)


def test_the_first_wins_a_tie_and_a_near_tie() -> None:
    assert chosen(20, 20)[0] == "painter 20"
    assert chosen(21, 20)[:2] == ("painter 21", 21)
    assert chosen(30, 20)[0] == "painter 20"


def test_a_slow_filler_is_tried_once_and_may_win() -> None:
    backend, error, (first, slow) = chosen(9, slow=2)
    assert (backend, error) == ("slow", 2)
    assert (len(first.asked), len(slow.asked)) == (2, 2)  # one proxy, and the hole itself


def test_drawings_are_copied_untried() -> None:
    flat = np.repeat(np.array([[10, 20, 30], [90, 200, 80]], np.uint8), 150, 0)[None].repeat(140, 0)
    assert is_drawn(flat, np.ones((140, 300), bool))
    assert not is_drawn(photo(140, 300), np.ones((140, 300), bool))
    assert is_drawn(photo(16, 16), np.ones((16, 16), bool))  # few pixels, few colours: pixel art
    painter = Painter("first", flat, 0)
    told = fill(AutoInpainter((Painter("other", flat, 0),), drawn=painter), flat, scene()[1])
    assert (told.backend, told.proxy_l1, len(painter.asked)) == ("first", None, 1)


def test_proxies_lie_beside_the_hole_where_pixels_are_known() -> None:
    _, hole = scene()
    proxies = proxy_holes(hole, ~hole)
    assert [int(proxy.sum()) for proxy in proxies] == [int(hole.sum())] * 2
    assert not any((proxy & hole).any() for proxy in proxies)
    left_half = ~hole & (np.arange(300) < 150)
    assert all((proxy <= left_half).all() for proxy in proxy_holes(hole, left_half))
    assert proxy_holes(hole, hole) == []


def test_a_large_hole_is_tried_small() -> None:
    hole = np.zeros((400, 900), bool)
    hole[100:300, 300:600] = True
    for proxy in proxy_holes(hole, ~hole):
        assert np.flatnonzero(proxy.any(0)).size == LONGEST


def test_a_slope_goes_on_to_the_level_and_nobody_is_asked() -> None:
    y, x = np.mgrid[:140, :300]
    slope = np.rint(np.stack([x * 0.61 + 20, y * 0.83 + 11, 200 - x * 0.37 - y * 0.211], -1))
    rgb, hole = slope.astype(np.uint8), scene()[1]
    painter = Painter("first", rgb, 0)
    told = fill(AutoInpainter((painter,)), np.where(hole[..., None], np.uint8(0), rgb), hole)
    # Only where a value lies midway between two levels may it fall to the other.
    assert (told.rgb == rgb)[hole].mean() > 0.99
    np.testing.assert_allclose(told.rgb, rgb, atol=1)
    assert (told.backend, told.proxy_l1, painter.asked) == ("plane", None, [])


def test_a_plane_is_only_continued_in_its_own_region() -> None:
    rgb, hole = scene()
    labels = (np.arange(300) < 150).astype(np.int32)[None].repeat(140, 0)
    rgb[labels == 1] = (30, 90, 200)
    filled, rest = continue_planes(np.where(hole[..., None], np.uint8(0), rgb), hole, ~hole, labels)
    np.testing.assert_array_equal(rest, hole & (labels == 0))
    assert (filled[hole & (labels == 1)] == (30, 90, 200)).all()


def test_a_few_stray_pixels_do_not_hide_a_plane() -> None:
    rgb = np.full((60, 60, 3), (30, 90, 200), np.uint8)
    rgb[18:20, 30:35] = 255
    hole = np.zeros((60, 60), bool)
    hole[20:40, 20:40] = True
    filled, rest = continue_planes(rgb, hole, ~hole, None)
    assert not rest.any() and (filled[hole] == (30, 90, 200)).all()


def test_a_smooth_filler_joins_on_smooth_ground_alone() -> None:
    rough, hole = scene()
    y, x = np.mgrid[:140, :300]
    grain = np.random.default_rng(0).normal(0, 1.2, (140, 300, 3))
    sky = (90 + 0.2 * y + 0.001 * (x - 150) ** 2)[..., None] + grain
    for rgb, joins in ((rough, False), (sky.round().astype(np.uint8), True)):
        first, smooth = Painter("first", rgb, 9), Painter("smooth", rgb, 1)
        told = fill(AutoInpainter((first,), smooth=(smooth,)), rgb, hole)
        assert told.backend == ("smooth" if joins else "first")
        assert bool(smooth.asked) == joins


def test_a_blur_looks_further_off_than_the_same_texture_elsewhere() -> None:
    rgb = photo(60, 60)
    hole = np.zeros((60, 60), bool)
    hole[20:40, 20:40] = True
    shifted, blurred = rgb.copy(), rgb.copy()
    shifted[20:40, 20:40] = rgb[0:20, 0:20]
    blurred[hole] = 100
    assert np.abs(shifted.astype(int) - rgb).sum() > np.abs(blurred.astype(int) - rgb).sum()
    assert visible_difference(shifted, rgb, hole) < 0.5 * visible_difference(blurred, rgb, hole)


def test_a_rough_photo_of_few_colours_is_no_drawing() -> None:
    wall = 40 + np.random.default_rng(0).integers(0, 24, (300, 300, 1))
    assert not is_drawn(wall.repeat(3, -1).astype(np.uint8), np.ones((300, 300), bool))
