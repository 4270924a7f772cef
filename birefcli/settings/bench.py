"""What `birefcli bench` was asked: to cut or to peel, how many pictures of what size."""

from dataclasses import dataclass

from birefcli.settings.model import ANY_MODEL, ModelSettings


@dataclass(frozen=True, kw_only=True)
class BenchSettings:
    """Everything `birefcli bench` needs to know."""

    is_peel: bool = False
    number: int = 3
    # The shorter side of the pictures; 4 to 3, this is a megapixel.
    side: int = 864
    inpaint: str = "auto"
    model: ModelSettings = ANY_MODEL
