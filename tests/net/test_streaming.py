"""Streaming pays: a Swin-T at 1024×1024 against the plain path, in time and in peak memory."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from golden_rule import weight_rule
from torch import Tensor

from birefcli.net import deform, slices
from birefcli.net.birefnet import BiRefNet
from birefcli.net.config import published_config

SIZE = 1024
THREADS = 2
ROUNDS = 2


def plain_strips(
    x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, *, at_once: bool = False
) -> Iterator[Tensor]:
    """Convolve as the compiled operator does: all samples of the map at once, then one product."""
    n, c, height, width = x.shape
    out_channels, _, k, _ = weight.shape
    tap = torch.arange(k * k).view(1, -1, 1, 1)
    y = torch.arange(height).view(1, 1, -1, 1) + tap // k - k // 2 + offset[:, 0::2]
    z = torch.arange(width).view(1, 1, 1, -1) + tap % k - k // 2 + offset[:, 1::2]
    grid = torch.stack(((2 * z + 1) / width - 1, (2 * y + 1) / height - 1), -1)
    samples = F.grid_sample(x.contiguous(), grid.view(n, -1, width, 2), align_corners=False)
    columns = samples.view(n, c, k * k, -1).mul_(mask.view(n, 1, k * k, -1))
    out = weight.reshape(out_channels, -1) @ columns.view(n, c * k * k, -1)
    yield out.view(n, out_channels, height, width)


def measure(plain: bool) -> dict[str, float]:
    """Run one picture through; give the seconds and the process's peak memory in MB."""
    torch.set_num_threads(THREADS)
    network = BiRefNet(published_config("swin_v1_t")).eval()
    weight_rule(network)
    network.to(memory_format=torch.channels_last)
    image = torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    if plain:
        deform.deform_strips = plain_strips
        slices.CPU_BYTES = 1 << 60
    with torch.inference_mode():
        begin = time.perf_counter()
        logits = network(image).logits
        seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak": peak, "mean": logits.mean().item()}


@pytest.mark.slow
def test_streaming_takes_no_longer_and_half_the_memory() -> None:
    runs: dict[str, list[dict[str, float]]] = {"plain": [], "streamed": []}
    for kind in ("plain", "streamed") * ROUNDS:
        # A process each, because the peak is the process's.
        command = [sys.executable, __file__, kind]
        paths = os.pathsep.join((str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")))
        environment = {**os.environ, "PYTHONPATH": paths}
        done = subprocess.run(command, check=True, capture_output=True, env=environment)
        runs[kind].append(json.loads(done.stdout))
    plain, streamed = runs["plain"], runs["streamed"]
    assert streamed[0]["mean"] == pytest.approx(plain[0]["mean"], abs=1e-5)
    seconds = [min(run["seconds"] for run in kind) for kind in (streamed, plain)]
    peaks = [max(run["peak"] for run in kind) for kind in (streamed, plain)]
    print(f"seconds {seconds[0]:.2f} / {seconds[1]:.2f}, peak MB {peaks[0]:.0f} / {peaks[1]:.0f}")
    assert seconds[0] <= seconds[1]
    assert peaks[0] <= peaks[1] / 2


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1] == "plain")))
