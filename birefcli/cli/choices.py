"""Words that options take and that tables of other rooms know; asked only when they are needed."""


def inpainters() -> dict[str, str]:
    """Give the names that --inpaint takes, and what each is."""
    from birefcli.inpaint import INPAINTERS

    return {one.name: one.description for one in INPAINTERS}


def metrics() -> tuple[str, ...]:
    """Give the names that `birefcli train --metric` and `birefcli eval --fail-below` take."""
    from birefcli.metrics import metric_names

    return metric_names()


def metrics_and_groups() -> dict[str, str]:
    """Give the names that `birefcli eval --metrics` takes, and what each is; groups come last."""
    from birefcli.metrics import METRICS, metric_groups

    return {one.name: one.description for one in METRICS} | dict.fromkeys(metric_groups(), "")


def stack_metrics() -> tuple[str, ...]:
    """Give the names that `birefcli eval-peel --fail-below` takes."""
    from birefcli.metrics import stack_metric_names

    return stack_metric_names()


def stack_formats() -> dict[str, str]:
    """Give the names that `birefcli peel --format` takes, and what each is."""
    from birefcli.stack import FORMATS

    return {one.name: one.description for one in FORMATS}
