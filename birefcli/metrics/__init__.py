"""Scores of a matte against its truth: the segmentation benchmarks' and the matting ones."""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from birefcli.metrics.pair import Float as Float
    from birefcli.metrics.pair import make_pair as make_pair
    from birefcli.metrics.pair import matte_of as matte_of
    from birefcli.metrics.pixels import iou as iou
    from birefcli.metrics.pixels import mae as mae
    from birefcli.metrics.stacks.layerd import layerd_scores as layerd_scores
    from birefcli.metrics.stacks.measure import measure_stack as measure_stack
    from birefcli.metrics.stacks.tally import StackTally as StackTally
    from birefcli.metrics.stacks.truth import PredictedStack as PredictedStack
    from birefcli.metrics.stacks.truth import truth_of as truth_of
    from birefcli.metrics.table import digits as digits
    from birefcli.metrics.table import is_error as is_error
    from birefcli.metrics.tally import Tally as Tally
    from birefcli.metrics.tally import measure_pair as measure_pair
    from birefcli.metrics.tally import pooled as pooled
    from birefcli.metrics.tally import unavailable as unavailable
else:
    __getattr__ = lazy_imports(__name__)
