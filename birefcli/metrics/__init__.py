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
    from birefcli.metrics.stacks.table import GROUPINGS as GROUPINGS
    from birefcli.metrics.stacks.table import STACK_METRICS as STACK_METRICS
    from birefcli.metrics.stacks.table import StackMetric as StackMetric
    from birefcli.metrics.stacks.table import find_stack_metric as find_stack_metric
    from birefcli.metrics.stacks.table import stack_metric_names as stack_metric_names
    from birefcli.metrics.stacks.tally import StackTally as StackTally
    from birefcli.metrics.stacks.truth import PredictedStack as PredictedStack
    from birefcli.metrics.stacks.truth import truth_of as truth_of
    from birefcli.metrics.table import METRICS as METRICS
    from birefcli.metrics.table import digits as digits
    from birefcli.metrics.table import expand_metrics as expand_metrics
    from birefcli.metrics.table import is_error as is_error
    from birefcli.metrics.table import metric_groups as metric_groups
    from birefcli.metrics.table import metric_names as metric_names
    from birefcli.metrics.tally import Tally as Tally
    from birefcli.metrics.tally import measure_pair as measure_pair
    from birefcli.metrics.tally import pooled as pooled
    from birefcli.metrics.tally import unavailable as unavailable
else:
    __getattr__ = lazy_imports(__name__)
