"""A setting of the C library's allocator: freed memory stays with the process for the next maps."""

import ctypes
import os
import platform
from collections.abc import Mapping

# mallopt's parameters (glibc, malloc.h), and what they are set to in bytes.
_TRIM_THRESHOLD, _KEPT = -1, 2**29
_MMAP_THRESHOLD, _LARGEST = -3, 2**25


def keep_freed_memory(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell the C library to keep freed blocks of up to 32 MiB, and up to 512 MiB of them.

    By default glibc gives every map of the network back to the system and asks for it again,
    zeroed page by page, which takes a quarter of a compact network's time. Other C libraries, and
    whoever set malloc's own variables, are left alone. Gives whether it was done.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in environment):
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(_MMAP_THRESHOLD, _LARGEST) and libc.mallopt(_TRIM_THRESHOLD, _KEPT))
