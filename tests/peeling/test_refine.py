"""Refining a matte: every kind of picture has its own edge."""

from disk_scenes import away, coarse, disk, scene

from birefcli.peeling.alpha.refine import refine_matte
from birefcli.stack.types import PictureKind


def test_photographs_and_pixel_art_are_asked_for_colours() -> None:
    truth, matte = disk(35), coarse(disk(38))
    picture = scene(truth)
    assert away(refine_matte(picture, matte, PictureKind.PHOTO), truth) < 0.4 * away(matte, truth)
    assert away(refine_matte(picture, matte, PictureKind.PIXEL), truth) < 0.1 * away(matte, truth)
