"""Memory that is freed and used again is not fetched from the system again."""

import platform
import subprocess
import sys

import pytest

from birefcli.net.allocator import keep_freed_memory

# How many pages the system hands out while six maps of 8 MiB are made and dropped twenty times.
FAULTS = """
import resource, sys
import numpy as np
if sys.argv[1] == "kept":
    from birefcli.net.allocator import keep_freed_memory
    assert keep_freed_memory({})
maps = [np.ones(2**21, np.float32) for _ in range(6)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    del maps
    maps = [np.ones(2**21, np.float32) for _ in range(6)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's own settings")
def test_freed_memory_is_used_again_without_asking_the_system():
    assert faults("kept") < 200 < 2000 < faults("as ever")


def test_who_set_malloc_by_hand_is_left_alone():
    assert not keep_freed_memory({"MALLOC_TRIM_THRESHOLD_": "1000"})
