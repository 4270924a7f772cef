"""What `birefcli bench` was asked: to cut or to peel, how many pictures of what size."""

from dataclasses import dataclass

from birefcli.settings.model import ANY_MODEL, ModelSettings
from birefcli.settings.options import Panel, borrowed, option
from birefcli.settings.peel import PeelCommand
from birefcli.settings.run import JsonSettings, QuietSettings
from birefcli.settings.synth import SceneSettings


@dataclass(frozen=True, kw_only=True)
class BenchSettings(JsonSettings, QuietSettings):
    """Everything `birefcli bench` needs to know."""

    is_peel: bool = option(
        False,
        "Peel the pictures instead of cutting them.",
        panel=Panel.SCENES,
        names=("--peel",),
    )
    number: int = borrowed(SceneSettings, "number", default=3)
    # They are drawn 4 to 3, so this is a megapixel.
    side: int = option(
        864, "The shorter side of what is drawn, in pixels.", panel=Panel.SCENES, min=64
    )
    inpaint: str = borrowed(PeelCommand, "inpaint")
    model: ModelSettings = ANY_MODEL
