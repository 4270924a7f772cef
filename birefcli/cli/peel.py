"""birefcli peel: pictures become exact, ordered, editable stacks of layers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from birefcli.cli import run
from birefcli.cli.choices import inpainters, stack_formats
from birefcli.cli.command import command
from birefcli.cli.console import Console, plural
from birefcli.cli.signals import Signals
from birefcli.settings import PeelCommand

if TYPE_CHECKING:
    from birefcli.batch import Outcome
    from birefcli.models import DepthEstimator, ModelFile, PeelModels
    from birefcli.workflows import PreparedPeel


@command(
    PeelCommand,
    examples=(
        "birefcli peel scene.png --max-layers 5 --format png,ora,psd",
        "birefcli peel --edit scene.peel --layer 2 --mask snake.png",
    ),
    choices={"inpaint": inpainters, "formats": stack_formats},
)
def peel(settings: PeelCommand) -> int:
    """Take pictures apart into layers that together give the picture back exactly."""
    if settings.edit is not None:
        return _edit(settings)
    from birefcli.workflows import prepare_peel

    prepared = prepare_peel(settings)
    if settings.dry_run:
        return run.show_plan(_planned(prepared), prepared.inputs, as_json=settings.as_json)
    run.require_piped(prepared.inputs)
    return _run(prepared)


def _run(prepared: "PreparedPeel") -> int:
    """Peel everything, show how it goes, and give the exit code."""
    from birefcli.batch import RunReport, StopFlag
    from birefcli.models import Purpose, require_device
    from birefcli.workflows import load_inpainter, peel_all

    settings, inputs = prepared.settings, prepared.inputs
    require_device(settings.model)
    inpainter = load_inpainter(
        settings.inpaint, trust=settings.trust_model_file, device=settings.model.device
    )
    stop = StopFlag()
    report = RunReport(planned=len(prepared.plan.jobs) + len(inputs.missing) + len(inputs.closed))
    with run.open_console(report.planned, settings) as console:
        model = run.find_model(settings.model, Purpose.PEEL, console)
        with Signals(stop, console.warn, "finishing the picture in flight") as signals:
            outcomes = peel_all(
                prepared,
                model,
                inpainter,
                lambda: _load(settings, model, console),
                stop,
                console.say,
            )
            for outcome in outcomes:
                report.outcomes.append(outcome)
                console.show(outcome)
                _tell_layers(console, outcome)
                run.stop_unread(console, stop)
        if inputs.left_out:
            console.say(f"left out: {inputs.left_out}")
        console.sum_up(report)
    return signals.exit_code or report.exit_code


def _edit(settings: PeelCommand) -> int:
    """Change one stack, and give the exit code."""
    from birefcli.batch import RunReport
    from birefcli.models import Purpose, require_device
    from birefcli.workflows import change, load_inpainter, recall

    require_device(settings.model)
    recalled = recall(settings)
    inpainter = load_inpainter(
        recalled.settings.inpaint, trust=settings.trust_model_file, device=settings.model.device
    )
    report = RunReport(planned=1)
    with run.open_console(1, settings) as console:
        model = run.find_model(settings.model, Purpose.PEEL, console)
        outcome = change(
            recalled, model, inpainter, lambda: _load(settings, model, console), console.say
        )
        report.outcomes.append(outcome)
        console.show(outcome)
        _tell_layers(console, outcome)
        console.sum_up(report)
    return report.exit_code


def _load(settings: PeelCommand, model: "ModelFile", console: Console) -> "PeelModels":
    """Load everything that takes time."""
    from birefcli.models import load_peel_models

    depth = _depth(settings, console)
    models = load_peel_models(settings.model, model, console.say, depth)
    console.model, console.device = models.named.model, models.named.device
    return models


def _depth(settings: PeelCommand, console: Console) -> "DepthEstimator | None":
    """Load what estimates depth, where it is asked for; on the command line that is consent."""
    if settings.depth == "off":
        return None
    from birefcli.models import load_depth

    return load_depth(
        settings.depth,
        consent="depth" in settings.given,
        offline=settings.model.offline,
        say=console.say,
        device=settings.model.device,
    )


def _tell_layers(console: Console, outcome: "Outcome") -> None:
    """Say how many layers a picture has, where it is the only one."""
    if outcome.layers and console.total == 1:
        console.say(f"{outcome.source}: {plural(outcome.layers, 'layer')}")


def _planned(prepared: "PreparedPeel") -> Iterator[run.Planned]:
    """Give every picture and the folder of its stack."""
    for job in prepared.plan.jobs:
        name, target = job.source.name, str(job.path)
        yield run.Planned(f"{name} -> {target}", {"source": name, "target": target})
