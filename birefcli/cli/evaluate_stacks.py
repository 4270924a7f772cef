"""birefcli eval-peel: how good stacks are, on scenes whose true layers are known."""

from typing import TYPE_CHECKING

from birefcli.cli.choices import inpainters, stack_metrics
from birefcli.cli.command import command
from birefcli.cli.console import Console, plural
from birefcli.cli.signals import Signals
from birefcli.errors import ExitCode
from birefcli.settings import EvalPeelSettings, PeelMode

if TYPE_CHECKING:
    from birefcli.models import PeelModels


@command(
    EvalPeelSettings,
    name="eval-peel",
    examples=(
        "birefcli eval-peel --suite flat,pixel -n 10 --against B1 --save scores.json",
        "birefcli eval-peel --mode net --suite scene --seed 20000 --fail-below differing-px=0",
    ),
    choices={"inpaint": inpainters, "fail_below": stack_metrics},
)
def eval_peel(settings: EvalPeelSettings) -> int:
    """Peel seeded scenes and score the stacks beside the true layers."""
    from birefcli.batch import Outcome, Status, StopFlag
    from birefcli.cli.stack_tables import Scores, missed, save, show
    from birefcli.metrics import StackTally
    from birefcli.workflows import compared_methods, load_inpainter, peak_memory, score_all

    inpainter = load_inpainter(settings.inpaint, device=settings.model.device)
    stop = StopFlag()
    failures: list[str] = []
    stacks = len(settings.scenes) * (1 + len(settings.against))
    with Console(stacks, quiet=settings.quiet) as console:
        loaded = _loaded(settings, console)
        contestants = compared_methods(
            settings,
            inpainter,
            loaded.whole if loaded else None,
            loaded.topmost if loaded else None,
        )
        tallies = {one.name: StackTally(one.name) for one in contestants}
        with Signals(stop, console.warn, "finishing the scene in flight") as signals:
            for scored in score_all(settings, contestants, stop):
                if scored.failure is None:
                    tallies[scored.method].rows[scored.suite, scored.seed] = scored.values
                    console.show(Outcome(scored.name, Status.DONE))
                else:
                    failures.append(scored.failure)
                    console.show(Outcome(scored.name, Status.FAILED, message=scored.failure))
        if signals.exit_code or stop.asked:
            console.warn("stopped before the end: no scores")
            return signals.exit_code or ExitCode.FAILED
        memory = peak_memory()
        held = "" if memory is None else f", with at most {memory:.0f} MiB of memory"
        console.say(f"{plural(stacks, 'stack')}, {plural(len(failures), 'failure')}{held}")
    results = list(tallies.values())
    found = Scores(results, settings, loaded.named.model if loaded else None, failures, memory)
    show(found)
    for file in settings.save:
        save(file, found)
    sentences = missed(results[0], settings)
    for sentence in sentences:
        console.warn(sentence)
    return ExitCode.FAILED if failures or sentences else ExitCode.OK


def _loaded(settings: EvalPeelSettings, console: Console) -> "PeelModels | None":
    """Load the models of --mode net; other modes have none."""
    if settings.mode != PeelMode.NET:
        return None
    from birefcli.models import Purpose, asked_model, load_peel_models, require_device

    require_device(settings.model)
    model = asked_model(settings.model, Purpose.PEEL, console.warn)
    return load_peel_models(settings.model, model, console.say).checked()
