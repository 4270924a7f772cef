"""What is done with a matte: its shape, its colours, pixel art, and the cutout it makes."""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from birefcli.matte.cutout import Cutout as Cutout
    from birefcli.matte.cutout import cut_image as cut_image
    from birefcli.matte.cutout import make_cutout as make_cutout
    from birefcli.matte.cutout import network_view as network_view
    from birefcli.matte.cutout import render as render
    from birefcli.matte.evidence import check_key as check_key
    from birefcli.matte.flicker import series_frame as series_frame
    from birefcli.matte.foreground import checkerboard as checkerboard
    from birefcli.matte.foreground import clear_hidden as clear_hidden
    from birefcli.matte.foreground import estimate_foreground as estimate_foreground
    from birefcli.matte.foreground import over as over
    from birefcli.matte.foreground import over8 as over8
    from birefcli.matte.foreground import parse_color as parse_color
    from birefcli.matte.frames import CutSeries as CutSeries
    from birefcli.matte.frames import cut_series as cut_series
    from birefcli.matte.morphology import Box as Box
    from birefcli.matte.morphology import Size as Size
    from birefcli.matte.morphology import bounding_box as bounding_box
    from birefcli.matte.morphology import is_empty as is_empty
    from birefcli.matte.morphology import levels as levels
    from birefcli.matte.morphology import pad_box as pad_box
    from birefcli.matte.morphology import remove_specks as remove_specks
    from birefcli.matte.pixelart import NATIVE as NATIVE
    from birefcli.matte.pixelart import Grid as Grid
    from birefcli.matte.pixelart import decided_by_color as decided_by_color
    from birefcli.matte.pixelart import find_grid as find_grid
    from birefcli.matte.sheet import find_things as find_things
    from birefcli.matte.sheet_cells import cells as cells
    from birefcli.matte.sheet_cells import read_spec as read_spec
else:
    __getattr__ = lazy_imports(__name__)
