from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from birefcli.arrays import Rgb
from birefcli.inpaint.choose import LONGEST, AutoInpainter, is_drawn, proxy_holes
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
        # A crop of the truth lies where the known pixels agree with it.
        height, width = hole.shape
        for y in range(self.truth.shape[0] - height + 1):
            for x in range(self.truth.shape[1] - width + 1):
                crop = self.truth[y : y + height, x : x + width]
                if (crop[~hole] == rgb[~hole]).all():
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
    auto = AutoInpainter(tuple(painters), last)
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


def test_drawings_take_the_first_filler_untried() -> None:
    flat = np.repeat(np.uint8([[10, 20, 30], [90, 200, 80]]), 150, 0)[None].repeat(140, 0)
    assert is_drawn(flat, np.ones((140, 300), bool))
    assert not is_drawn(photo(140, 300), np.ones((140, 300), bool))
    assert is_drawn(photo(16, 16), np.ones((16, 16), bool))  # few pixels, few colours: pixel art
    painter = Painter("first", flat, 0)
    told = AutoInpainter((painter, Painter("other", flat, 0))).fill(flat, scene()[1])
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
