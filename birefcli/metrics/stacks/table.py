"""The table of stack metrics: what `birefcli eval-peel` measures, and how each number is read.

Reading the table loads no numpy.
"""

from dataclasses import dataclass

from birefcli.errors import UsageError


@dataclass(frozen=True)
class StackMetric:
    """A number that says how good a stack is; of an error, less is better."""

    name: str
    is_error: bool = False
    digits: int = 3
    is_shown: bool = True  # in tables; files have all


MERGES = 5  # edits that the LayerD score grants
GROUPINGS = {"layerd": 8, "layerd0": 0}  # alphas above which layers meet, ours and LayerD's own
STACK_METRICS = (
    StackMetric("differing-px", is_error=True, digits=0),
    StackMetric("float-error", is_error=True, digits=2),
    StackMetric("matched"),
    StackMetric("missed", is_error=True, digits=2),
    StackMetric("extra", is_error=True, digits=2),
    StackMetric("duplicates", is_error=True, digits=2),
    StackMetric("first-iou"),
    StackMetric("left-alone"),
    StackMetric("order"),
    StackMetric("tau"),
    StackMetric("abstained", is_error=True),
    StackMetric("visible-iou"),
    StackMetric("amodal-iou"),
    StackMetric("band-sad", is_error=True, digits=1),
    StackMetric("color", is_error=True, digits=2),
    StackMetric("edge-color", is_error=True, digits=2),
    StackMetric("hidden-found"),
    StackMetric("hidden-color", is_error=True, digits=2),
    StackMetric("background", is_error=True, digits=2),
    StackMetric("new-colors", is_error=True),
    StackMetric("exact-fill"),
    *(
        StackMetric(f"{grouping}-{kind}-{edits}", kind == "rgb", digits, is_shown)
        for grouping in GROUPINGS
        for kind, digits in (("rgb", 4), ("iou", 4))
        for edits in range(MERGES + 1)
        for is_shown in (grouping == "layerd" and edits in (0, 3, MERGES),)
    ),
    StackMetric("layers-off", is_error=True, digits=2),
    StackMetric("invented", is_error=True),
    StackMetric("seconds", is_error=True, digits=2),
)
_BY_NAME = {metric.name: metric for metric in STACK_METRICS}


def stack_metric_names() -> tuple[str, ...]:
    """List the stack metrics by name, in the order in which scores are printed."""
    return tuple(_BY_NAME)


def find_stack_metric(name: str) -> StackMetric:
    """Give what is known of a stack metric; a name not in the table raises UsageError."""
    if name not in _BY_NAME:
        raise UsageError(f"{name!r} is not one of {', '.join(_BY_NAME)}")
    return _BY_NAME[name]
