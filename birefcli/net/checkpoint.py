"""Reading a checkpoint into a network, and writing it; nothing in a file is ever run."""

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, cast

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from birefcli.errors import WeightsError
from birefcli.image import write_atomic
from birefcli.net.backbones.table import detect_backbone
from birefcli.net.birefnet import BiRefNet
from birefcli.net.config import BiRefNetConfig, KnownTileOrder, published_config

# Who decided how tiles are stacked: the user, our own file, the table of models, the measured
# weights, or nobody.
OrderSource = Literal["asked", "file", "table", "weights", "default"]

CONFIG_KEY = "birefcli"  # of our own files' metadata: the configuration as JSON
ORDER_MARGIN = 0.01  # by how much one reading of the tiles must beat the other
HEADER_LIMIT = 100_000_000  # bytes; the safetensors format allows no longer header
NAMES_SHOWN = 3


@dataclass(frozen=True)
class LoadedNetwork:
    """A network ready to run, and what its file said."""

    network: BiRefNet
    config: BiRefNetConfig
    tile_order: KnownTileOrder
    order_source: OrderSource
    metadata: dict[str, str]


def load_network(
    path: Path,
    *,
    tile_order: str = "auto",
    known_order: str | None = None,
    size: tuple[int, int] | None = None,
    keeps_aspect: bool | None = None,
    name: str,
) -> LoadedNetwork:
    """Build the network a checkpoint holds, in float32 and evaluation mode.

    `known_order`, `size` and `keeps_aspect` are what the table of models knows; None leaves it to
    the file. `name` is what the errors call the model. A file that cannot be read, or whose weights
    fit no network to the letter, raises WeightsError.
    """
    tensors, metadata = read_checkpoint(path, name)
    state = {_plain(key): tensor for key, tensor in tensors.items()}
    config = _described(metadata, name) or infer_config(state, name)
    order, source = _choose_order(tile_order, known_order, metadata, config, state)
    config = replace(
        config,
        tile_order=order,
        size=config.size if size is None else size,
        keeps_aspect=config.keeps_aspect if keeps_aspect is None else keeps_aspect,
    )
    return LoadedNetwork(_build(config, state, name), config, order, source, metadata)


def save_network(path: Path, network: BiRefNet, metadata: dict[str, str], *, half: bool) -> None:
    """Write the weights and the configuration that rebuilds the network, whole or not at all."""
    tensors = {
        key: (_halved(tensor) if half else tensor).cpu().contiguous()
        for key, tensor in network.state_dict().items()
    }
    described = {"format": "pt", CONFIG_KEY: network.config.to_json(), **metadata}
    write_atomic(path, safetensors.torch.save(tensors, described), root=path.parent)


def _halved(tensor: Tensor) -> Tensor:
    """Narrow to float16 what fits; integers and large numbers stay."""
    half = tensor.half() if tensor.is_floating_point() else tensor
    return half if half.isfinite().all() else tensor


# Reading files.


def read_checkpoint(path: Path, name: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors and the metadata of a .safetensors, .pth or .pt file, told by its bytes."""
    if path.is_dir():
        raise WeightsError(f"{name}: {path} is a folder, not a checkpoint")
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise WeightsError(f"{name}: {path} cannot be read ({error.strerror})") from error
    if not head:
        raise WeightsError(f"{name}: {path} is empty; download it again")
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError(
            f"{name}: {path} is a Git LFS pointer to the weights; `git lfs pull` fetches them"
        )
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise WeightsError(
            f"{name}: {path} is a web page saved in place of the weights; download the file itself"
        )
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= HEADER_LIMIT:
        return _read_safetensors(path, name)
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return _read_torch(path, name, is_zip=head.startswith(b"PK")), {}
    raise WeightsError(f"{name}: {path} is neither a safetensors file nor a torch checkpoint")


def _read_safetensors(path: Path, name: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safetensors.safe_open(path, "pt") as file:
            # Copies: a mapped file that changes later would change the network.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    except (safetensors.SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"{name}: {path} is truncated or damaged ({_first_line(error)}); download it again"
        ) from error


def _read_torch(path: Path, name: str, *, is_zip: bool) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            # Torch warns of unusual pickles before it refuses them.
            warnings.simplefilter("ignore")
            payload = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except Exception as error:
        text = str(error)
        if "TorchScript" in text:
            raise WeightsError(
                f"{name}: {path} is a TorchScript program; birefcli reads weights only"
            ) from error
        if isinstance(error, pickle.UnpicklingError) and "Unsupported" in text:
            raise WeightsError(
                f"{name}: {path} holds pickled Python objects, which birefcli does not run; "
                "save its state_dict() alone"
            ) from error
        raise WeightsError(
            f"{name}: {path} is truncated or damaged ({_first_line(error)}); download it again"
        ) from error
    return {key: tensor.clone() for key, tensor in _unwrapped(payload, path, name).items()}


def _unwrapped(payload: Any, path: Path, name: str) -> Mapping[str, Tensor]:
    """Find the state dict inside the dicts that training scripts wrap around it."""
    while isinstance(payload, Mapping) and payload:
        if all(isinstance(value, Tensor) for value in payload.values()):
            return cast(Mapping[str, Tensor], payload)
        inner = [
            payload[key] for key in ("model", "state_dict", "model_state_dict") if key in payload
        ]
        if not inner and len(payload) == 1:
            inner = list(payload.values())
        payload = inner[0] if inner else None
    raise WeightsError(f"{name}: {path} holds no dict of tensors, so it is no checkpoint")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")


def _plain(key: str) -> str:
    """Strip what compiling and distributing put in front of a name, in any order."""
    key = key.replace("_orig_mod.", "")
    while key.startswith("module."):
        key = key.removeprefix("module.")
    return key


# Telling the architecture.


def _described(metadata: dict[str, str], name: str) -> BiRefNetConfig | None:
    """Read the configuration our own files carry."""
    if CONFIG_KEY not in metadata:
        return None
    try:
        return BiRefNetConfig.from_json(metadata[CONFIG_KEY])
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f"{name}: its description cannot be read ({_first_line(error)}); "
            "it may come from a newer birefcli"
        ) from error


def infer_config(state: Mapping[str, Tensor], name: str) -> BiRefNetConfig:
    """Tell a published network's configuration from the names and shapes of its weights."""
    config = published_config(_infer_backbone(state, name))
    branches = (
        f"decoder.decoder_block4.dec_att.aspp_deforms.{i}.atrous_conv.regular_conv.weight"
        for i in range(len(config.kernels))
    )
    kernels = tuple(state[key].shape[-1] for key in branches if key in state)
    classes = state.get("cls_head.0.weight")
    return replace(
        config,
        kernels=kernels or config.kernels,
        deepest_reference="decoder.ipt_blk5.conv1.weight" in state,
        batch_norm="squeeze_module.0.bn_in.weight" in state,
        classes=0 if classes is None else len(classes),
    )


def _infer_backbone(state: Mapping[str, Tensor], name: str) -> str:
    if not any(key.startswith("decoder.") for key in state):
        bare = (
            "a bare Swin backbone"
            if "layers.0.blocks.0.attn.qkv.weight" in state
            else "no BiRefNet"
        )
        raise WeightsError(f"{name}: the file holds {bare}: nothing is called decoder.*")
    weights = {key.removeprefix("bb."): w for key, w in state.items() if key.startswith("bb.")}
    try:
        found = detect_backbone(weights)
    except WeightsError as error:
        raise WeightsError(f"{name}: {error}") from None
    if found is not None:
        return found
    if any(key.startswith("conv") for key in weights):
        raise WeightsError(
            f"{name}: its ResNet or VGG backbone is cut as before April 2025, "
            "which this version does not build"
        )
    raise WeightsError(f"{name}: the file holds no BiRefNet: no known backbone under bb.*")


# Telling the order of the tiles.


def _choose_order(
    asked: str,
    known: str | None,
    metadata: dict[str, str],
    config: BiRefNetConfig,
    state: Mapping[str, Tensor],
) -> tuple[KnownTileOrder, OrderSource]:
    if asked != "auto":
        return cast(KnownTileOrder, asked), "asked"
    if CONFIG_KEY in metadata:
        return config.tile_order, "file"
    if known is not None:
        return cast(KnownTileOrder, known), "table"
    measured = measure_order(state)
    return (measured, "weights") if measured else ("new", "default")


def measure_order(state: Mapping[str, Tensor]) -> KnownTileOrder | None:
    """Tell the order in which a trained network saw its tiles; None where the weights do not say.

    The colours of a picture go together, so the first convolution learns similar weights for the
    three colours of one tile. The order under which they are more alike is the true one.
    """
    new, old = [], []
    for block in ("ipt_blk5", "ipt_blk4"):
        weight = state.get(f"decoder.{block}.conv1.weight")
        if weight is not None and weight.ndim == 4 and weight.shape[1] % 3 == 0:
            out = len(weight)
            new.append(_alikeness(weight.float().reshape(out, 3, -1).unbind(1)))
            old.append(
                _alikeness(weight.float().reshape(out, -1, 3, weight[0, 0].numel()).unbind(2))
            )
    if not new or abs(sum(new) - sum(old)) <= ORDER_MARGIN * len(new):
        return None
    return "new" if sum(new) > sum(old) else "old"


def _alikeness(colours: tuple[Tensor, ...]) -> float:
    """Give the mean correlation between any two of the three colours' weights."""
    correlations = torch.corrcoef(torch.stack([colour.flatten() for colour in colours]))
    return sum(correlations[a, b].item() for a, b in combinations(range(3), 2)) / 3


# Filling the network.


def _build(config: BiRefNetConfig, state: Mapping[str, Tensor], name: str) -> BiRefNet:
    try:
        # timm's backbones have constants that no file holds, so they are really made.
        with torch.device("cpu" if config.needs_timm else "meta"):
            network = BiRefNet(config)
    except (TypeError, ValueError, KeyError, RuntimeError) as error:
        raise WeightsError(f"{name}: its description builds no network ({error})") from error
    _fill(network, state, name)
    return network.eval()


def load_backbone(backbone: nn.Module, path: Path) -> None:
    """Fill a backbone with the weights of a file that holds it alone, names without `bb.`.

    A file that lacks a weight, has one too many or of another shape is a WeightsError.
    """
    tensors, _ = read_checkpoint(path, path.name)
    _fill(backbone, tensors, path.name)


def _fill(network: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Give a network these very weights, in the precision it was built with."""
    wanted = network.state_dict()
    _check_fit(wanted, state, name)
    filled = {key: state[key].to(tensor.dtype) for key, tensor in wanted.items()}
    for key, tensor in filled.items():
        if not tensor.isfinite().all():
            raise WeightsError(f"{name}: {key} holds NaN or infinite numbers; the file is spoilt")
    network.load_state_dict(filled, assign=True)


def _check_fit(wanted: Mapping[str, Tensor], state: Mapping[str, Tensor], name: str) -> None:
    complaints = []
    if missing := [key for key in wanted if key not in state]:
        complaints.append(f"{len(missing)} missing ({_some(missing)})")
    if unexpected := [key for key in state if key not in wanted]:
        complaints.append(f"{len(unexpected)} unexpected ({_some(unexpected)})")
    misshapen = [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in state and state[key].shape != tensor.shape
    ]
    if misshapen:
        complaints.append(f"{len(misshapen)} of another shape ({_some(misshapen)})")
    if complaints:
        raise WeightsError(f"{name}: the weights do not fit the network: {'; '.join(complaints)}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
