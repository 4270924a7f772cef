import numpy as np
import pytest

from birefcli.train.data.decoded import DecodedPictures


def array(value: int, count: int = 100) -> np.ndarray:
    return np.full(count, value, np.uint8)


def test_a_picture_is_decoded_once_and_read_only():
    kept = DecodedPictures(1000)
    first = kept.get("a", lambda: array(1))
    assert kept.get("a", lambda: array(2)) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 3


def test_what_was_used_least_recently_goes_first():
    kept = DecodedPictures(250)
    for name in ("a", "b", "a", "c"):
        kept.get(name, lambda: array(1))
    assert kept.size == 200
    assert kept.get("a", lambda: array(2))[0] == 1
    assert kept.get("b", lambda: array(2))[0] == 2


def test_nothing_larger_than_the_budget_is_kept():
    kept = DecodedPictures(50)
    kept.get("a", lambda: array(1))
    assert kept.size == 0 and kept.get("a", lambda: array(2))[0] == 2
