"""PackBits, the run-length code of PSD files, for whole channels at a time.

See Apple's technical note TN1023 and section 9 of the TIFF 6.0 specification.
"""

import numpy as np
from numpy.typing import NDArray

from birefcli.image import Alpha

# The longest run or stretch of single bytes that one count can tell of.
_MOST = 128


def pack_rows(channel: Alpha) -> list[bytes]:
    """Return the packed bytes of every row of a channel, uint8 (H, W)."""
    height, width = channel.shape
    breaks = np.ones((height, width + 1), bool)
    breaks[:, 1:-1] = channel[:, 1:] != channel[:, :-1]
    # Where runs begin, row after row; each row ends in a break of its own.
    begins = np.flatnonzero(breaks)
    lengths = np.diff(begins, append=begins[-1] + 1)
    row, column = np.divmod(begins, width + 1)
    is_long = (lengths >= 3) & (column < width)
    starts, ends = column[is_long], column[is_long] + lengths[is_long]
    firsts = np.searchsorted(row[is_long], np.arange(height + 1))
    runs = list(zip(starts.tolist(), ends.tolist(), strict=True))
    return [_pack(channel[y].tobytes(), runs[firsts[y] : firsts[y + 1]]) for y in range(height)]


def _pack(row: bytes, runs: list[tuple[int, int]]) -> bytes:
    """Pack one row whose runs of three and more are known."""
    packed = bytearray()
    done = 0
    for start, end in [*runs, (len(row), len(row))]:
        for i in range(done, start, _MOST):
            piece = row[i : min(i + _MOST, start)]
            packed.append(len(piece) - 1)
            packed += piece
        for i in range(start, end, _MOST):
            count = min(_MOST, end - i)
            # A run of one is a stretch of one.
            packed.append(257 - count if count > 1 else 0)
            packed.append(row[start])
        done = end
    return bytes(packed)


def unpack(packed: bytes, length: int) -> NDArray[np.uint8]:
    """Return the bytes, uint8 (length), of one packed row; raise ValueError for another length."""
    row = bytearray()
    i = 0
    while i < len(packed):
        count = packed[i]
        if count < 128:
            row += packed[i + 1 : i + 2 + count]
            i += 2 + count
        elif count > 128:
            row += packed[i + 1 : i + 2] * (257 - count)
            i += 2
        else:
            i += 1
    if len(row) != length:
        raise ValueError(f"a row of {length} bytes unpacks to {len(row)}")
    return np.frombuffer(bytes(row), np.uint8)
