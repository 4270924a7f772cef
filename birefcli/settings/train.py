"""What a training was asked to do: each setting of a recipe or an option, with its default."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from birefcli.errors import UsageError
from birefcli.settings.model import NetworkSettings, Precision
from birefcli.settings.options import REQUIRED, Panel, borrowed, option
from birefcli.settings.run import QuietSettings
from birefcli.settings.words import DURATION, NAME


class GradientLabel(StrEnum):
    """What the gradient maps learn: the official code's label, or the paper's dilated one."""

    OFFICIAL = "official"
    DILATED = "dilated"


class Target(StrEnum):
    """What counts as object in a composed scene: everything, or only what nothing covers."""

    FOREGROUND = "foreground"
    TOP = "top"


class Schedule(StrEnum):
    """How the rate goes after the warm-up."""

    COSINE = "cosine"
    CONSTANT = "constant"


THE_START = "start"  # as a teacher: the weights a training starts from


class OnBad(StrEnum):
    """What becomes of a picture of the set that cannot be used: left out and named, or refused."""

    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True)
class Stage:
    """A stretch of a training: up to this share of it, pictures of this size in such batches."""

    until: float
    size: int
    batch: int


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Everything a training needs to know; a recipe's TOML file sets the same names."""

    data: tuple[Path, ...]
    out: Path
    # What it starts from: a model's name or path, or nothing for a network of this backbone.
    start: str | None = option(
        None,
        "The model to start from, as for cut --model; none: new weights.",
        panel=Panel.NETWORK,
        names=("--from",),
        metavar="MODEL",
    )
    backbone: str = "compact"
    backbone_weights: Path | None = option(
        None,
        "Encoder weights: folded MobileNetV2 (.npz) or plain (.safetensors).",
        panel=Panel.NETWORK,
        metavar="FILE",
    )
    # Whether the user named `start` just now: only then may it be downloaded.
    start_is_named: bool = False
    offline: bool = borrowed(NetworkSettings, "offline")
    accept_licence: bool = borrowed(NetworkSettings, "accept_licence")
    # The data: what to lay sprites on, what to validate on, and what is done about bad pictures.
    grounds: tuple[Path, ...] = option(
        (), "Pictures to lay sprites on; repeat it.", panel=Panel.DATA, metavar="FOLDER"
    )
    as_is: bool = option(False, "Keep sprites as they are, unlaid.", panel=Panel.DATA)
    validation: Path | None = option(
        None,
        "Validate on these instead of a tenth.",
        panel=Panel.DATA,
        names=("--val",),
        metavar="FOLDER",
    )
    holdout: float = 0.1
    on_bad: OnBad = option(
        OnBad.SKIP, "Leave bad pictures out, or refuse the set.", panel=Panel.DATA
    )
    tiers: tuple[str, ...] = ("A", "B")
    leave_out: tuple[str, ...] = ()
    # What the model's file says about the licence of the pictures it learned from.
    data_licence: str = ""
    # How long: optimizer steps, or passes over the data, or minutes; the rate falls over it.
    steps: int = option(3000, "Optimizer steps.", panel=Panel.LENGTH, min=1)
    epochs: int | None = option(None, "Passes over the data.", panel=Panel.LENGTH, min=1)
    time_budget: float | None = option(
        None, "So long: 90s, 25m, 2h.", panel=Panel.LENGTH, words=DURATION
    )
    # Left as they are, they follow the model's size; `batch` is then that of every stage.
    stages: tuple[Stage, ...] = (Stage(0.1, 192, 24), Stage(0.7, 256, 16), Stage(1.0, 384, 8))
    batch: int | None = option(None, "Pictures a pass.", panel=Panel.NETWORK, min=1)
    # Width over height of a batch is drawn between its inverse and this.
    aspect: float = 2.0
    # The optimizer. Rates of the encoder are relative to `rate`; 0 keeps it as it is.
    rate: float = option(1.5e-3, "The learning rate.", panel=Panel.NETWORK)
    encoder_rate: float = 0.05
    # So many of the encoder's four strides, from the finest, keep their weights and statistics.
    resting_strides: int = 0
    weight_decay: float = 0.02
    # Norms and biases are spared the decay unless this says otherwise.
    decay_all: bool = False
    beta2: float = 0.99
    warmup: int = 150
    schedule: Schedule = Schedule.COSINE
    clip: float = 3.0
    ema: float = 0.998
    accumulate: int = option(1, "Passes a step.", panel=Panel.NETWORK, min=1)
    # Small sets: low-rank adapters of this rank instead of the weights themselves; norms at rest.
    lora: int = option(0, "Rank of adapters; 0: all learns.", panel=Panel.NETWORK, min=0)
    frozen_norms: bool = False
    # Recompute activations in the backward pass: less memory, more time.
    checkpointing: bool = False
    # Weights of the loss terms on the final map; side outputs count `side_weight` of it.
    bce: float = 30.0
    iou: float = 8.0
    ssim: float = 10.0
    mae: float = 0.0
    # The official code sums the IoU term over the batch; the mean does not depend on its size.
    iou_sum: bool = False
    # Side outputs are compared with the truth at this stride.
    side_weight: float = 0.5
    side_stride: int = 4
    gradient: float = 1.0
    # Gradient maps are compared with the official label at this stride.
    gradient_stride: int = 1
    gradient_label: GradientLabel = GradientLabel.OFFICIAL
    # A model that teaches with its mattes: its name or path, or "start". What it is sure of counts
    # where a mask says nothing, and on photographs the mattes stay near its own; each by a weight.
    teacher: str | None = None
    teacher_unknown: float = 10.0
    teacher_photos: float = 3.0
    # The weight that keeps the encoder's maps near those of the start.
    keep_encoder: float = 0.0
    # In the k-th of so many last epochs cross-entropy is off, IoU has 0.5^k of its weight and MAE
    # 0.9^k (region-loss phase); without an IoU term SSIM has 0.9^k and the others stay.
    region_epochs: int = 0
    # How often each kind of sample is drawn; kinds that the data lacks leave their share to others.
    photo: float = 0.36
    empty: float = 0.14
    pixel: float = 0.26
    # Sheets, product shots, graphics with text, thin things.
    display: float = 0.0
    same_color: float = 0.12
    target: Target = Target.FOREGROUND
    # How many of the samples are of the package's own pictures, so that a model that learns a new
    # style does not forget the others.
    remind: float = 0.0
    # The run itself. Without a size a model keeps its own, and a new network has 384.
    size: int | None = option(None, "Pixels a side.", panel=Panel.NETWORK, min=32)
    metric: str = option(
        "IoU", "What makes weights the best ones: {choices}.", panel=Panel.RUN, words=NAME
    )
    validate_minutes: float = 10.0
    checkpoint_minutes: float = 5.0
    # Counted in steps instead, a run is the same wherever the clock stands.
    validate_steps: int | None = None
    checkpoint_steps: int | None = None
    threads: int = option(
        0, "Threads of the network on a CPU; 0: as many as there are cores.", panel=Panel.RUN, min=0
    )
    workers: int = option(1, "Processes that compose pictures.", panel=Panel.RUN, min=1)
    # Megabytes of decoded pictures of a data pack that each worker keeps.
    keep_decoded: int = 256
    device: str = borrowed(NetworkSettings, "device")
    precision: Precision = borrowed(NetworkSettings, "precision")
    seed: int = option(0, "The same number gives the same training.", panel=Panel.RUN)
    resume: bool = False
    redo: bool = False

    def __post_init__(self) -> None:
        positive = ("steps", "epochs", "time_budget", "batch", "accumulate", "rate", "clip", "size")
        for name in (*positive, "validate_steps", "checkpoint_steps"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise UsageError(f"{name} must be more than 0, not {value}")
        for name in (
            "encoder_rate",
            "weight_decay",
            "warmup",
            "lora",
            "region_epochs",
            "workers",
            "keep_decoded",
            "teacher_unknown",
            "teacher_photos",
            "keep_encoder",
        ):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} must not be negative, as {getattr(self, name)} is")
        for name in ("ema", "holdout", "beta2", "remind"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} lies between 0 and 1, not at {getattr(self, name)}")
        if self.gradient_stride not in (1, 2, 4, 8, 16, 32):
            raise UsageError(f"gradient_stride is 1, 2, 4, 8, 16 or 32, not {self.gradient_stride}")
        if not self.stages or any(stage.size < 32 or stage.batch < 1 for stage in self.stages):
            raise UsageError("stages need a size of at least 32 pixels and a batch of at least 1")


@dataclass(frozen=True, kw_only=True)
class TrainCommand(QuietSettings):
    """What `birefcli train` was asked beside the settings of a training."""

    data: tuple[Path, ...] = option(
        (), "Folders of pictures with masks or alpha, lists, or data packs.", is_argument=True
    )
    out: Path = option(
        REQUIRED, "The run's folder.", panel=Panel.OUTPUT, names=("--out", "-o"), metavar="RUN"
    )
    recipe: str | None = option(
        None,
        "{choices}, or a TOML file. Default: what suits the data.",
        panel=Panel.RECIPE,
        metavar="NAME|FILE",
    )
    sets: tuple[str, ...] = option(
        (), "Any other setting.", panel=Panel.RECIPE, names=("--set",), metavar="NAME=VALUE"
    )
    plan: bool = option(False, "Show steps, time, memory and recipe, and stop.", panel=Panel.RECIPE)
    resume: bool = option(False, "Go on with a stopped run.", panel=Panel.RUN)
    redo: bool = option(False, "Start over an existing run.", panel=Panel.RUN)
