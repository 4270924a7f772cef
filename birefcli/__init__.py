"""Cut objects out of pictures and take pictures apart into layers, with BiRefNet.

    model = birefcli.load_model("compact")
    matte = model.matte("cat.jpg")
    cutout = birefcli.cut("cat.jpg", model=model)
    stack = birefcli.peel("scene.png")
    stack.save("scene.peel")

Importing it is light: what a name needs is loaded when the name is first used.
"""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports
from birefcli.version import __version__ as __version__

if TYPE_CHECKING:
    from birefcli.errors import BirefcliError as BirefcliError
    from birefcli.inpaint import Inpainter as Inpainter
    from birefcli.library import Model as Model
    from birefcli.library import PeeledStack as PeeledStack
    from birefcli.library import cut as cut
    from birefcli.library import load_model as load_model
    from birefcli.library import peel as peel
    from birefcli.stack import Layer as Layer
    from birefcli.stack import Stack as Stack
else:
    __getattr__ = lazy_imports(__name__)

__all__ = [
    "BirefcliError",
    "Inpainter",
    "Layer",
    "Model",
    "PeeledStack",
    "Stack",
    "__version__",
    "cut",
    "load_model",
    "peel",
]
