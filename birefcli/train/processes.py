"""The processes of a training: a single one, or several that average their gradients."""

import os
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any, cast

import torch
from torch import Tensor, nn

from birefcli.errors import DeviceError

# Where launchers write how many processes there are: torchrun, then those of MPI.
COUNTS = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


class SingleProcess:
    """The only process of a training."""

    rank = 0
    count = 1

    @property
    def device(self) -> torch.device | None:
        """Give the device this process was assigned; None leaves the choice to the settings."""
        return None

    def wrap(self, network: nn.Module) -> nn.Module:
        """Give the module through which the forward pass runs."""
        return network

    def holds_gradients(self, wrapped: nn.Module, last: bool) -> AbstractContextManager[Any]:
        """Give the context of a backward pass; only after the last one are gradients averaged."""
        return nullcontext()

    def agree(self, seconds: float, wish: bool) -> tuple[float, bool]:
        """Give the first process's clock, and whether any process wishes to stop."""
        return seconds, wish

    def any(self, wish: bool) -> bool:
        """Tell whether `wish` is true in any process."""
        return wish

    def wait(self) -> None:
        """Wait until every process is here."""

    def close(self) -> None:
        """Leave the process group, where there is one."""


class ProcessGroup(SingleProcess):
    """One of the processes that `accelerate launch` or `torchrun` started."""

    def __init__(self, device: str) -> None:
        if find_spec("accelerate") is None:
            raise DeviceError(
                "several processes train through Accelerate, which is not installed: "
                "pip install 'accelerate>=1.8'"
            )
        from accelerate import Accelerator

        self.accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")
        self.rank = self.accelerator.process_index
        self.count = self.accelerator.num_processes

    @property
    def device(self) -> torch.device | None:
        """Give the device this process was assigned."""
        return cast(torch.device, self.accelerator.device)

    def wrap(self, network: nn.Module) -> nn.Module:
        """Let the backward pass average the gradients of all processes."""
        return cast(nn.Module, self.accelerator.prepare_model(network))

    def holds_gradients(self, wrapped: nn.Module, last: bool) -> AbstractContextManager[Any]:
        """Hold the gradients back until the last backward pass of a step."""
        if last:
            return nullcontext()
        return cast(AbstractContextManager[Any], self.accelerator.no_sync(wrapped))

    def agree(self, seconds: float, wish: bool) -> tuple[float, bool]:
        """Give the first process's clock, and whether any process wishes to stop."""
        ours = [seconds if self.rank == 0 else 0.0, float(wish)]
        clock, wishes = self._sum(torch.tensor(ours, dtype=torch.float64)).tolist()
        return clock, wishes > 0

    def any(self, wish: bool) -> bool:
        """Tell whether `wish` is true in any process."""
        return bool(self._sum(torch.tensor([float(wish)])).item() > 0)

    def wait(self) -> None:
        """Wait until every process is here."""
        self.accelerator.wait_for_everyone()

    def close(self) -> None:
        """Leave the group, once everybody is done with it."""
        self.accelerator.end_training()

    def _sum(self, values: Tensor) -> Tensor:
        return cast(Tensor, self.accelerator.reduce(values.to(self.accelerator.device))).cpu()


def join_processes(device: str) -> SingleProcess:
    """Join the processes a launcher started; without a launcher there is only this one."""
    if not any(int(os.environ.get(name) or 1) > 1 for name in COUNTS):
        return SingleProcess()
    return ProcessGroup(device)
