"""birefcli synth: scenes with masks and true layers, from seeds or from sprites."""

from birefcli.cli.command import command
from birefcli.cli.console import Console, plural
from birefcli.cli.signals import Signals
from birefcli.settings import SynthSettings


@command(
    SynthSettings,
    examples=(
        "birefcli synth --suite flat,pixel -n 10 -o scenes",
        "birefcli synth sprites --grounds photos --size 640x480 --layers -o scenes",
    ),
)
def synth(settings: SynthSettings) -> int:
    """Draw scenes whose masks and layers are known exactly: for training, for eval, for tests."""
    from birefcli.batch import RunReport, StopFlag
    from birefcli.workflows import plan_scenes, synthesize

    stop = StopFlag()
    plan = plan_scenes(settings)
    report = RunReport(planned=len(plan.jobs) + len(plan.failures))
    with Console(len(plan.jobs), as_json=settings.as_json, quiet=settings.quiet) as console:
        if plan.left_out:
            number = plural(len(plan.left_out), "picture")
            console.say(f"left out: {number} without alpha, the first {plan.left_out[0]}")
        with Signals(stop, console.warn, "finishing the scenes in flight") as signals:
            for outcome in plan.failures:
                report.outcomes.append(outcome)
                console.show(outcome)
            for outcome in synthesize(plan, settings, stop):
                report.outcomes.append(outcome)
                console.show(outcome)
        console.sum_up(report)
    return signals.exit_code or report.exit_code
