"""The training loop, top to bottom: compose, step, average, validate, save."""

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

import torch
from torch import nn

from birefcli.errors import BirefcliError, UsageError
from birefcli.executor import Stop
from birefcli.net.birefnet import BiRefNet
from birefcli.net.checkpoint import save_network
from birefcli.net.config import compact_config
from birefcli.net.device import Compute, choose_compute
from birefcli.net.predict import Predictor
from birefcli.train.batches import Batch, Composer, first_pictures, to_tensors
from birefcli.train.data import LabelledPicture
from birefcli.train.losses import LossWeights, gradient_loss, pixel_loss
from birefcli.train.refit import load_folded
from birefcli.train.validation import score, validation_set
from birefcli.trainsettings import TrainSettings

SIDE_WEIGHT = 0.5
SIDE_STRIDE = 4  # side outputs are compared with the truth at this stride


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a training has come."""

    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    best: float = -1.0

    def share(self, settings: TrainSettings) -> float:
        """Give the share done, 0…1: of the time where there is a budget, else of the steps."""
        if settings.time_budget is None:
            return min(1.0, self.step / settings.steps)
        return min(1.0, self.seconds / (60 * settings.time_budget))


def train(settings: TrainSettings, say: Callable[[str], None], stop: Stop) -> Path | None:
    """Train a compact network on a data pack and give the path of its best weights.

    Asked to stop, it saves where it is after the step at hand and gives None.
    """
    validation = validation_set(settings)
    prepare_run(settings)
    torch.set_num_threads(settings.threads or torch.get_num_threads())
    torch.manual_seed(settings.seed)
    compute = choose_compute(settings.device, settings.precision)

    network = BiRefNet(compact_config(settings.size))
    if not settings.resume and settings.backbone_weights is not None:
        load_folded(network.bb, settings.backbone_weights, first_pictures(settings, network))
    network.to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = BiRefNet(network.config).to(compute.device).requires_grad_(False)
    average.load_state_dict(network.state_dict())
    optimizer = make_optimizer(network, settings)
    progress = Progress()
    if settings.resume:
        progress = load_state(settings, network, average, optimizer)
        say(f"resumed at step {progress.step}, minute {progress.seconds / 60:.1f}")

    log = Log(settings.out / "log.jsonl", say)
    saved_at = validated_at = progress.seconds
    network.train()
    with Composer(settings) as composer:
        batches = composer.batches(progress.step, progress.share(settings))
        while (share := progress.share(settings)) < 1:
            started = time.perf_counter()
            composer.share = share
            batch = next(batches)
            rate = learning_rate(progress.step, share, settings)
            for group in optimizer.param_groups:
                group["lr"] = rate * group["scale"]

            terms = backward(network, batch, settings, compute)
            norm = nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
            if not torch.isfinite(norm):
                raise BirefcliError(
                    f"the loss became infinite or NaN at step {progress.step}; the last checkpoint "
                    f"is in {settings.out}: lower the rate and go on with --resume"
                )
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            update_average(average, network, settings.ema, progress.step)

            progress = replace(
                progress,
                step=progress.step + 1,
                samples=progress.samples + len(batch.rgb),
                seconds=progress.seconds + time.perf_counter() - started,
            )
            log.step(progress, rate, float(norm), terms)
            last = progress.share(settings) >= 1
            if last or progress.seconds - validated_at >= 60 * settings.validate_minutes:
                validated_at = progress.seconds
                progress = validate(average, validation, compute, settings, progress, log)
            is_due = progress.seconds - saved_at >= 60 * settings.checkpoint_minutes
            if last or is_due or stop.asked:
                saved_at = progress.seconds
                save_state(settings, network, average, optimizer, progress)
                say(f"checkpoint at step {progress.step}")
            if stop.asked and not last:
                say(f"stopped; go on with --resume -o {settings.out}")
                return None
    return settings.out / "best.safetensors"


def prepare_run(settings: TrainSettings) -> None:
    """Make the run folder; one that holds a run needs --resume or --redo."""
    state = settings.out / "state.pt"
    if settings.resume and not state.is_file():
        raise UsageError(f"nothing to resume: {settings.out} holds no state.pt")
    if state.is_file() and not (settings.resume or settings.redo):
        raise UsageError(f"{settings.out} holds a run already; give --resume or --redo")
    settings.out.mkdir(parents=True, exist_ok=True)
    if settings.redo:
        for name in ("state.pt", "best.safetensors", "last.safetensors", "log.jsonl"):
            (settings.out / name).unlink(missing_ok=True)
    text = json.dumps(asdict(settings), default=str, indent=1)
    (settings.out / "settings.json").write_text(text + "\n", encoding="utf-8")


# ---- one step --------------------------------------------------------------------------------


def backward(
    network: BiRefNet, batch: Batch, settings: TrainSettings, compute: Compute
) -> dict[str, float]:
    """Run one batch forward and back; give the loss terms for the log."""
    image, target = to_tensors(batch, network, compute.device)
    with compute.autocast():
        out = network(image, supervise=True)
    weights = LossWeights(bce=settings.bce, iou=settings.iou, ssim=settings.ssim)
    final = pixel_loss([out.logits.float()], target, weights, mean_iou=True)
    small = nn.functional.avg_pool2d(target, SIDE_STRIDE)
    sides = pixel_loss([m.float() for m in out.side_logits], small, weights, mean_iou=True)
    edges = gradient_loss(out.gradients)
    total = final.total + SIDE_WEIGHT * sides.total + edges
    torch.autograd.backward(total)
    terms = {name: float(value) for name, value in final.terms.items()}
    return {**terms, "sides": float(sides.total.detach()), "gradient": float(edges.detach())}


def learning_rate(step: int, share: float, settings: TrainSettings) -> float:
    """Give the rate of a step: a linear warm-up, then a cosine down to 2 % at the end."""
    warm = min(1.0, (step + 1) / settings.warmup)
    return settings.rate * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * share)) / 2)


def make_optimizer(network: BiRefNet, settings: TrainSettings) -> torch.optim.AdamW:
    """Group the parameters: the encoder learns slower; only tensors of two axes or more decay."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in network.named_parameters():
        groups[name.startswith("bb."), parameter.ndim > 1].append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "scale": settings.encoder_rate if in_encoder else 1.0,
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (in_encoder, decays), parameters in groups.items()
        ],
        lr=settings.rate,
        betas=(0.9, 0.99),
    )


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights and statistics towards the network's; faster at the start."""
    keep = min(decay, (1 + step) / (10 + step))
    for mean, value in zip(
        average.state_dict().values(), network.state_dict().values(), strict=True
    ):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - keep)
        else:
            mean.copy_(value)


# ---- validation and saving -------------------------------------------------------------------


def validate(
    average: BiRefNet,
    pictures: list[LabelledPicture],
    compute: Compute,
    settings: TrainSettings,
    progress: Progress,
    log: "Log",
) -> Progress:
    """Score the averaged weights as `cut` would use them; keep them when they are the best."""
    scores = score(Predictor(average, compute), pictures)
    mean = fmean(value for name, value in scores.items() if not name.endswith("mae"))
    log.validation(progress, scores, mean)
    meta = {"step": str(progress.step), "scores": json.dumps(scores)}
    save_network(settings.out / "last.safetensors", average, meta, half=True)
    if mean <= progress.best:
        return progress
    save_network(settings.out / "best.safetensors", average, meta, half=True)
    return replace(progress, best=mean)


def save_state(
    settings: TrainSettings,
    network: BiRefNet,
    average: BiRefNet,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    """Save all a run needs to go on, whole or not at all."""
    state = {
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "progress": asdict(progress),
        "rng": torch.get_rng_state(),
    }
    part = settings.out / "state.pt.part"
    torch.save(state, part)
    part.replace(settings.out / "state.pt")


def load_state(
    settings: TrainSettings,
    network: BiRefNet,
    average: BiRefNet,
    optimizer: torch.optim.Optimizer,
) -> Progress:
    """Take up a run where `save_state` left it."""
    state = torch.load(settings.out / "state.pt", weights_only=True)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"])
    return Progress(**state["progress"])


class Log:
    """Writes every validation and every hundredth step to a JSON lines file and says them."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self.path = path
        self.say = say

    def step(self, progress: Progress, rate: float, norm: float, terms: dict[str, float]) -> None:
        """Note a step."""
        if progress.step % 50:
            return
        self._write({**asdict(progress), "rate": rate, "norm": norm, **terms})
        parts = " ".join(f"{name} {value:.2f}" for name, value in terms.items())
        speed = progress.samples / progress.seconds
        self.say(
            f"step {progress.step} minute {progress.seconds / 60:.1f} {speed:.1f} samples/s "
            f"norm {norm:.1f} {parts}"
        )

    def validation(self, progress: Progress, scores: dict[str, float], mean: float) -> None:
        """Note a validation."""
        self._write({**asdict(progress), "mean": mean, "scores": scores})
        parts = " ".join(f"{name} {value:.4f}" for name, value in scores.items())
        self.say(f"validated at step {progress.step}: mean {mean:.4f} {parts}")

    def _write(self, values: dict[str, object]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
