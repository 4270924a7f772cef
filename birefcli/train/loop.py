"""The training loop, top to bottom: compose, step, average, validate, save."""

import json
import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from numpy.random import default_rng
from torch import Tensor, nn

from birefcli.compose import Mixture, draw_sample
from birefcli.errors import BirefcliError, UsageError
from birefcli.metrics import iou, mae
from birefcli.net.birefnet import BiRefNet
from birefcli.net.checkpoint import save_network
from birefcli.net.config import compact_config
from birefcli.net.device import Compute, choose_compute
from birefcli.net.predict import Predictor, input_size
from birefcli.settings import TrainSettings
from birefcli.train.data import LabelledPicture, Pack, read_scenes
from birefcli.train.losses import LossWeights, gradient_loss, pixel_loss
from birefcli.train.refit import load_folded

SIDE_WEIGHT = 0.5
SIDE_STRIDE = 4  # side outputs are compared with the truth at this stride
PREFETCH = 3  # batches composed ahead, per worker


@dataclass(frozen=True)
class Batch:
    """Composed pictures (N, H, W, 3) and their mattes (N, H, W), all of one size."""

    rgb: np.ndarray
    matte: np.ndarray


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


def train(settings: TrainSettings, say: Callable[[str], None]) -> Path:
    """Train a compact network on a data pack and give the path of its best weights."""
    prepare_run(settings)
    torch.set_num_threads(settings.threads or torch.get_num_threads())
    torch.manual_seed(settings.seed)
    compute = choose_compute(settings.device, settings.precision)

    network = BiRefNet(compact_config(settings.size))
    if not settings.resume and settings.backbone_weights is not None:
        load_folded(network.bb, settings.backbone_weights, first_pictures(settings, network))
    network.to(compute.device, memory_format=torch.channels_last)
    average = BiRefNet(network.config).to(compute.device).requires_grad_(False)
    average.load_state_dict(network.state_dict())
    optimizer = make_optimizer(network, settings)
    progress = Progress()
    if settings.resume:
        progress = load_state(settings, network, average, optimizer)
        say(f"resumed at step {progress.step}, minute {progress.seconds / 60:.1f}")
    validation = validation_set(settings)

    log = Log(settings.out / "log.jsonl", say)
    saved_at = validated_at = progress.seconds
    network.train()
    with Composer(settings) as composer:
        batches = composer.batches(progress)
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
            if last or progress.seconds - saved_at >= 60 * settings.checkpoint_minutes:
                saved_at = progress.seconds
                save_state(settings, network, average, optimizer, progress)
    return settings.out / "best.safetensors"


def prepare_run(settings: TrainSettings) -> None:
    """Make the run folder; one that holds a run needs --resume or --redo."""
    state = settings.out / "state.pt"
    if settings.resume and not state.is_file():
        raise UsageError(f"nothing to resume: {settings.out} holds no state.pt")
    if state.is_file() and not (settings.resume or settings.redo):
        raise UsageError(f"{settings.out} holds a run already; give --resume or --redo")
    settings.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(settings), default=str, indent=1)
    (settings.out / "settings.json").write_text(text + "\n", encoding="utf-8")


# ---- data ------------------------------------------------------------------------------------


def batch_shape(step: int, share: float, settings: TrainSettings) -> tuple[int, tuple[int, int]]:
    """Give the batch size and the (height, width) of a step: the stage's area, a random aspect."""
    stage = next(s for s in settings.stages if share < s.until or s is settings.stages[-1])
    rng = default_rng((settings.seed, step, 1))
    limit = math.log(settings.aspect)
    aspect = math.exp(rng.uniform(-limit, limit)) if rng.random() < 0.7 else 1.0
    size = input_size((1000, round(1000 * aspect)), (stage.size, stage.size), True)
    return stage.batch, size


def compose_batch(step: int, count: int, size: tuple[int, int], settings: TrainSettings) -> Batch:
    """Compose the batch of a step: a pure function of the seed and the step."""
    mixture = Mixture(
        photo=settings.photo,
        empty=settings.empty,
        pixel=settings.pixel,
        same_color=settings.same_color,
    )
    pack = _pack_of_this_process(settings)
    scenes = [
        draw_sample(default_rng((settings.seed, step, 2, i)), size, pack, mixture)
        for i in range(count)
    ]
    return Batch(
        np.stack([scene.rgb for scene in scenes]),
        np.stack([scene.matte for scene in scenes]),
    )


_packs: dict[Path, Pack] = {}


def _pack_of_this_process(settings: TrainSettings) -> Pack:
    if settings.data not in _packs:
        _packs[settings.data] = Pack(
            settings.data, tiers=settings.tiers, leave_out=settings.leave_out
        )
    return _packs[settings.data]


class Composer:
    """Composes batches ahead of the loop, in processes of their own."""

    def __init__(self, settings: TrainSettings) -> None:
        self.settings = settings
        self.share = 0.0
        self._pool = ProcessPoolExecutor(max(1, settings.workers), mp_context=get_context("spawn"))

    def __enter__(self) -> "Composer":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def batches(self, progress: Progress) -> Iterator[Batch]:
        """Give the batches from a step on, without end."""
        waiting: deque[Future[Batch]] = deque()
        step = progress.step
        self.share = progress.share(self.settings)
        while True:
            while len(waiting) < PREFETCH * max(1, self.settings.workers):
                count, size = batch_shape(step, self.share, self.settings)
                waiting.append(self._pool.submit(compose_batch, step, count, size, self.settings))
                step += 1
            yield waiting.popleft().result()


def first_pictures(settings: TrainSettings, network: BiRefNet, count: int = 48) -> Tensor:
    """Give normalised pictures (N, 3, 256, 256) for the encoder's batch norms."""
    batch = compose_batch(0, count, (256, 256), settings)
    return to_tensors(batch, network, torch.device("cpu"))[0]


def to_tensors(batch: Batch, network: BiRefNet, device: torch.device) -> tuple[Tensor, Tensor]:
    """Normalise a batch to images (N, 3, H, W) and targets (N, 1, H, W)."""
    mean = torch.tensor(network.config.mean, device=device).view(1, 3, 1, 1)
    std = torch.tensor(network.config.std, device=device).view(1, 3, 1, 1)
    rgb = torch.from_numpy(batch.rgb).to(device).permute(0, 3, 1, 2).float() / 255
    image = ((rgb - mean) / std).contiguous(memory_format=torch.channels_last)
    return image, torch.from_numpy(batch.matte).to(device)[:, None]


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
    (final.total + SIDE_WEIGHT * sides.total + edges).backward()
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


def validation_set(settings: TrainSettings) -> list[LabelledPicture]:
    """Gather the pack's own validation pictures: its photographs and finished scenes."""
    pack = Pack(settings.data, split="val", leave_out=settings.leave_out)
    scenes = (settings.data / "val-scenes.csv").is_file()
    return [*pack.photographs(), *(read_scenes(settings.data, "val-scenes") if scenes else [])]


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


def score(predictor: Predictor, pictures: list[LabelledPicture]) -> dict[str, float]:
    """Give the mean IoU per source, the share of empty pictures left empty, and the mean MAE."""
    found: dict[str, list[float]] = defaultdict(list)
    for picture in pictures:
        (matte,) = predictor([picture.rgb])
        truth = picture.mask.astype(np.float32) / 255
        if truth.max() < 0.5:
            found[f"{picture.source} empty"].append(float((matte > 0.5).mean() < 0.0005))
        else:
            found[picture.source].append(iou(matte, truth))
        found["mae"].append(mae(matte, truth))
    return {name: round(fmean(values), 4) for name, values in sorted(found.items())}


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
