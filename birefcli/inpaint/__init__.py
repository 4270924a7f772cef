"""What fills the hole that a lifted object leaves: copying, smoothing, or a network."""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from birefcli.inpaint.exemplar import Exemplar as Exemplar
    from birefcli.inpaint.holes import rim as rim
    from birefcli.inpaint.load import find_inpainter as find_inpainter
    from birefcli.inpaint.load import provenance_of as provenance_of
    from birefcli.inpaint.membrane import Membrane as Membrane
    from birefcli.inpaint.navier import NavierStokes as NavierStokes
    from birefcli.inpaint.palette import find_palette as find_palette
    from birefcli.inpaint.protocol import Filled as Filled
    from birefcli.inpaint.protocol import FillTask as FillTask
    from birefcli.inpaint.protocol import Inpainter as Inpainter
    from birefcli.inpaint.protocol import ReportingInpainter as ReportingInpainter
    from birefcli.inpaint.protocol import fill as fill
    from birefcli.inpaint.protocol import fill_task as fill_task
    from birefcli.inpaint.table import INPAINTERS as INPAINTERS
else:
    __getattr__ = lazy_imports(__name__)
