"""The table of metrics: what `birefcli eval` can measure, and everything that is known of each.

A new metric is a function of a pair in a file beside this one, and a line in `METRICS`. Reading the
table loads neither numpy nor the functions.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from birefcli.errors import UsageError

# Words that stand for several metrics, besides `all`.
GROUPS = ("segmentation", "matting", "F", "E", "BIoU")


@dataclass(frozen=True, kw_only=True)
class MetricRecord:
    """What is known of one metric."""

    name: str
    description: str
    # The file beside this one and its function, which gives a number or a curve (256,) of a `Pair`.
    measure: str
    groups: tuple[str, ...] = ("segmentation",)
    is_error: bool = False  # lower is better
    digits: int = 3  # after the point, where it is shown; as the benchmark's tables have it
    package: str | None = None  # what must be installed beside what birefcli always needs
    # Of a curve the maximum counts, not the mean.
    takes_maximum: bool = False
    # Measured on the mattes as they were read, (H, W) in 0…1 and unstretched, instead of the pair.
    is_soft: bool = False

    def load(self) -> Callable[..., Any]:
        """Load the function that measures it; without its package the call, not this, fails."""
        file, _, function = self.measure.partition(":")
        loaded: Callable[..., Any] = getattr(import_module(f"birefcli.metrics.{file}"), function)
        return loaded


def _curve(name: str, what: str, measure: str, group: str) -> MetricRecord:
    """Describe what a curve gives: its mean, or for names in max… its maximum."""
    return MetricRecord(
        name=name,
        description=what,
        measure=measure,
        groups=("segmentation", group),
        takes_maximum=name.startswith("max"),
    )


def _soft(name: str, what: str, measure: str, digits: int = 3) -> MetricRecord:
    """Describe an error of soft mattes."""
    return MetricRecord(
        name=name,
        description=what,
        measure=measure,
        groups=("matting",),
        is_error=True,
        digits=digits,
        is_soft=True,
    )


# In the order in which scores are printed.
METRICS = (
    MetricRecord(name="S", description="structure measure", measure="structure:structure"),
    _curve("maxF", "highest F of all thresholds", "curves:f_curve", "F"),
    _curve("meanF", "mean F of all thresholds", "curves:f_curve", "F"),
    _curve("adpF", "F at twice the mean prediction", "curves:adaptive_f", "F"),
    MetricRecord(
        name="wF",
        description="F with errors weighted by where they lie",
        measure="weighted_f:weighted_f",
        package="scipy",
    ),
    _curve("maxE", "highest enhanced alignment of all thresholds", "curves:e_curve", "E"),
    _curve("meanE", "mean enhanced alignment of all thresholds", "curves:e_curve", "E"),
    _curve("adpE", "enhanced alignment at twice the mean prediction", "curves:adaptive_e", "E"),
    MetricRecord(
        name="MAE",
        description="mean absolute error",
        measure="pixels:absolute_error",
        is_error=True,
    ),
    MetricRecord(
        name="MSE",
        description="mean squared error",
        measure="pixels:squared_error",
        is_error=True,
        digits=5,
    ),
    MetricRecord(
        name="HCE",
        description="human correction effort, in clicks",
        measure="correction_effort:correction_effort",
        is_error=True,
        digits=0,
        package="skimage",
    ),
    MetricRecord(
        name="mBA",
        description="mean accuracy in bands around the outline",
        measure="boundary:boundary_accuracy",
    ),
    _curve(
        "maxBIoU", "highest boundary IoU of all thresholds", "boundary:boundary_iou_curve", "BIoU"
    ),
    _curve(
        "meanBIoU", "mean boundary IoU of all thresholds", "boundary:boundary_iou_curve", "BIoU"
    ),
    MetricRecord(
        name="IoU", description="intersection over union at one half", measure="pixels:overlap"
    ),
    MetricRecord(
        name="Acc", description="share of pixels on the right side", measure="pixels:accuracy"
    ),
    # Against the soft truth; the others cut it into object and ground.
    _soft("SAD", "sum of absolute differences, in thousands", "matting:absolute_difference"),
    _soft("aMSE", "mean squared difference of mattes", "matting:squared_difference", digits=5),
    _soft("Grad", "difference of gradients, in thousands", "matting:gradient_error"),
    _soft("Conn", "difference of connectedness, in thousands", "matting:connectivity_error"),
)
_BY_NAME = {metric.name: metric for metric in METRICS}


def metric_names() -> tuple[str, ...]:
    """List the metrics by name, in the order in which scores are printed."""
    return tuple(_BY_NAME)


def metric_groups() -> dict[str, tuple[str, ...]]:
    """Give the names of each group of metrics; `all` comes first and has every one."""
    named = {group: tuple(m.name for m in METRICS if group in m.groups) for group in GROUPS}
    return {"all": metric_names(), **named}


def expand_metrics(names: Iterable[str]) -> tuple[str, ...]:
    """Give the metrics that names of metrics and of groups stand for, each once, in their order.

    A name that is neither raises UsageError.
    """
    groups = metric_groups()
    found = (groups.get(name) or (find_metric(name).name,) for name in names)
    return tuple(dict.fromkeys(metric for metrics in found for metric in metrics))


def find_metric(name: str) -> MetricRecord:
    """Give what is known of a metric; a name that is not in the table raises UsageError."""
    if name not in _BY_NAME:
        raise UsageError(f"{name!r} is not one of {', '.join(_BY_NAME)}")
    return _BY_NAME[name]


def is_error(name: str) -> bool:
    """Tell whether of this metric lower is better."""
    return find_metric(name).is_error


def digits(name: str) -> int:
    """Give how many digits after the point a metric is shown with."""
    return find_metric(name).digits
