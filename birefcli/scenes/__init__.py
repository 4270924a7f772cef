"""Scenes composed of sprites, photographs and drawings, whose truth is known."""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from birefcli.scenes.composition import trim as trim
    from birefcli.scenes.grounds import gradient as gradient
    from birefcli.scenes.grounds import pixel_ground as pixel_ground
    from birefcli.scenes.grounds import smooth_ground as smooth_ground
    from birefcli.scenes.grounds import stripes as stripes
    from birefcli.scenes.grounds import texture as texture
    from birefcli.scenes.samples import SampleShares as SampleShares
    from birefcli.scenes.samples import compose_on_one_thread as compose_on_one_thread
    from birefcli.scenes.samples import draw_sample as draw_sample
    from birefcli.scenes.scene import Photo as Photo
    from birefcli.scenes.scene import Scene as Scene
    from birefcli.scenes.suites.draw import TUNING_SEEDS as TUNING_SEEDS
    from birefcli.scenes.suites.draw import draw_suite as draw_suite
    from birefcli.scenes.suites.layered import LayeredScene as LayeredScene
    from birefcli.scenes.suites.layered import LayerRole as LayerRole
    from birefcli.scenes.suites.layered import foreground_matte as foreground_matte
    from birefcli.scenes.suites.layered import pairs as pairs
    from birefcli.scenes.suites.layered import picture as picture
    from birefcli.scenes.suites.layered import uncovered as uncovered
    from birefcli.scenes.suites.layered import visible_mattes as visible_mattes
    from birefcli.scenes.suites.sprites import is_pixel_art as is_pixel_art
    from birefcli.scenes.suites.sprites import sprite_scene as sprite_scene
    from birefcli.scenes.suites.truth_file import layer_file as layer_file
    from birefcli.scenes.suites.truth_file import truth_json as truth_json
else:
    __getattr__ = lazy_imports(__name__)
