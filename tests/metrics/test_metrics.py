"""Metrics equal the official code on its golden pairs, and plain slow versions of themselves."""

import json
import math
from itertools import pairwise, product

import cv2
import numpy as np
import pytest
from golden_rule import GOLDEN
from PIL import Image

from birefcli.metrics import matting, tally
from birefcli.metrics.boundary import boundary_accuracy, boundary_iou_curve
from birefcli.metrics.correction_effort import CROSS, EPSILON, _clicks, correction_effort, skeleton
from birefcli.metrics.curves import e_curve, f_curve, precision_curve, recall_curve
from birefcli.metrics.pair import Pair, make_pair
from birefcli.metrics.pixels import accuracy, iou, mae, overlap
from birefcli.metrics.structure import structure
from birefcli.metrics.table import digits, is_error
from birefcli.metrics.tally import Tally, measure_pair, unavailable
from birefcli.settings.evaluate import EvalProtocol

FOLDER = GOLDEN / "metrics"
VALUES = json.loads((FOLDER / "values.json").read_text(encoding="utf-8"))
AGGREGATE = json.loads((FOLDER / "aggregate.json").read_text(encoding="utf-8"))
SEGMENTATION = tuple(
    [
        "S",
        "maxF",
        "meanF",
        "adpF",
        "wF",
        "maxE",
        "meanE",
        "adpE",
        "MAE",
        "MSE",
        "HCE",
        "mBA",
        "maxBIoU",
        "meanBIoU",
        "IoU",
        "Acc",
    ]
)
MATTING = ("SAD", "aMSE", "Grad", "Conn")
# Those that compare a matte with its truth; a metric that describes may hold to other laws.
EVERY = SEGMENTATION + MATTING
NAMES = {"WF": "wF", "MBA": "mBA"}
# The official evaluator's columns.
_DIS = "maxF wF MAE S meanE HCE maxE meanF adpE adpF mBA maxBIoU meanBIoU"
COLUMNS = {
    "DIS5K": _DIS,
    "General": _DIS,
    "COD": "S wF meanF meanE maxE MAE maxF adpE adpF HCE mBA maxBIoU meanBIoU",
    "HRSOD": "S maxF meanE MAE maxE meanF wF adpE adpF HCE mBA maxBIoU meanBIoU",
    "Matting": "S maxF meanE MSE maxE meanF wF adpE adpF HCE mBA maxBIoU meanBIoU",
    "Others": "S MAE maxE meanE maxF meanF wF adpE adpF HCE mBA maxBIoU meanBIoU",
}
each_golden = pytest.mark.parametrize("name", VALUES)
each_seed = pytest.mark.parametrize("seed", range(4))


def golden_pair(name: str) -> Pair:
    with Image.open(FOLDER / f"{name}_pred.png") as p, Image.open(FOLDER / f"{name}_gt.png") as t:
        return make_pair(np.array(p.convert("L")), np.array(t.convert("L")), stretches=True)


def blobs(seed: int, size: tuple[int, int] = (37, 52), *, is_hard: bool = True) -> np.ndarray:
    """Soft or decided blobs (H, W) in 8 bits."""
    noise = np.random.default_rng(seed).normal(size=size)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    if is_hard:
        return np.where(smooth > 0, 255, 0).astype(np.uint8)
    return np.clip(smooth / smooth.std() * 60 + 120, 0, 255).astype(np.uint8)


def random_pair(seed: int) -> Pair:
    return Pair(blobs(seed, is_hard=False), np.maximum(blobs(seed), blobs(seed + 9)))


def tallied(pairs: dict[str, Pair], protocol: EvalProtocol, *metrics: str) -> Tally:
    found = Tally(metrics or SEGMENTATION, protocol)
    for name, pair in pairs.items():
        found.add(name, measure_pair(pair, found.metrics))
    return found


# The official code


@each_golden
def test_a_pair_scores_what_the_official_code_says(name: str) -> None:
    found = tallied({name: golden_pair(name)}, EvalProtocol.OFFICIAL)
    for key, wanted in VALUES[name].items():
        if key != "skeleton_pixels":
            score = found.of(name, NAMES.get(key) or key)
            tolerance = 0 if key == "HCE" else 1e-9
            assert score == pytest.approx(wanted, rel=0, abs=tolerance, nan_ok=True), key


@each_golden
def test_curves_and_skeletons_are_the_official_ones(name: str) -> None:
    pair = golden_pair(name)
    with np.load(FOLDER / "curves.npz") as wanted:
        for key, curve in {
            "E": e_curve,
            "F": f_curve,
            "precision": precision_curve,
            "recall": recall_curve,
            "BIoU": boundary_iou_curve,
        }.items():
            np.testing.assert_allclose(curve(pair), wanted[f"{name}:{key}"], rtol=0, atol=1e-9)
        packed = np.packbits(skeleton(pair.object))
        np.testing.assert_array_equal(packed, wanted[f"{name}:skeleton"].ravel())


def test_means_and_rounded_columns_are_the_official_evaluators() -> None:
    pairs = {name: golden_pair(name) for name in AGGREGATE["images"]}
    found = tallied(pairs, EvalProtocol.OFFICIAL)
    for key, wanted in AGGREGATE["unrounded"].items():
        score = found.score(NAMES.get(key) or key)
        assert score == pytest.approx(wanted, rel=0, abs=1e-9), key
    for task, columns in COLUMNS.items():
        metrics = columns.split()
        rounded = [round(found.score(metric), digits(metric)) for metric in metrics]
        assert rounded == AGGREGATE[task], task


# Slow and obvious versions


@each_seed
def test_iou_and_accuracy_count_pixels(seed: int) -> None:
    pair = random_pair(seed)
    pairs = list(
        zip((pair.prediction / 255 > 0.5).ravel(), (pair.truth > 128).ravel(), strict=True)
    )
    both, either = sum(a and b for a, b in pairs), sum(a or b for a, b in pairs)
    assert overlap(pair) == both / either
    assert accuracy(pair) == sum(a == b for a, b in pairs) / len(pairs)
    mattes = (pair.prediction / np.float32(255), (pair.truth > 128).astype(np.float32))
    assert iou(*mattes) == overlap(pair)
    assert mae(*mattes) == pytest.approx(measure_pair(pair, ["MAE"])["MAE"][0])


@each_seed
def test_boundary_iou_is_the_iou_of_rims_at_a_threshold(seed: int) -> None:
    pair = random_pair(seed)
    steps = max(1, round(0.02 * math.hypot(*pair.truth.shape)))
    curve = boundary_iou_curve(pair)

    def rim(values: np.ndarray) -> np.ndarray:
        """What is nearer to the outside than `steps`, in the chessboard metric."""
        framed = np.pad(values, steps + 1)[1:-1, 1:-1].astype(int)
        windows = np.lib.stride_tricks.sliding_window_view(framed, (2 * steps + 1,) * 2)
        return values - windows.min((2, 3))

    found, wanted = rim(pair.prediction), rim(pair.object.astype(int)) > 0
    for threshold in (1, 60, 128, 255):
        reaches = found >= threshold
        expected = (reaches & wanted).sum() / (reaches | wanted).sum()
        assert curve[255 - threshold] == pytest.approx(expected)


def test_boundary_accuracy_is_the_mean_of_five_bands() -> None:
    truth, found = blobs(0, (580, 620)), blobs(0, (580, 620))
    found[:, 3:] = found[:, :-3]
    right = (truth > 128) == (found > 128)
    shares = []
    for radius in (1, 1, 2, 2, 3):  # from 1 to a 300th of both sides together, left out
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
        near = cv2.dilate(truth, kernel) != cv2.erode(truth, kernel)
        shares.append(right[near].mean())
    assert boundary_accuracy(Pair(found, truth)) == pytest.approx(np.mean(shares))


@each_seed
def test_matting_errors_equal_their_sums(seed: int) -> None:
    matte, truth = (blobs(s, (12, 15), is_hard=False) / 255 for s in (seed, seed + 5))
    pixels = list(product(range(12), range(15)))
    differences = [matte[at] - truth[at] for at in pixels]
    sad = sum(map(abs, differences)) / 1000
    assert matting.absolute_difference(matte, truth) == pytest.approx(sad)
    mse = sum(d * d for d in differences) / len(pixels)
    assert matting.squared_difference(matte, truth) == pytest.approx(mse)

    half = 4  # beyond it the Gaussian of σ 1.4 is under 0.01
    at = range(-half, half + 1)
    slope = {
        (v, h): -h * math.exp(-(v * v + h * h) / (2 * 1.4**2)) for v, h in product(at, repeat=2)
    }
    energy = math.sqrt(sum(weight**2 for weight in slope.values()))

    def length(values: np.ndarray, y: int, x: int) -> float:
        def seen(v: int, h: int) -> float:
            return values[min(max(y + v, 0), 11), min(max(x + h, 0), 14)]

        across = sum(weight * seen(v, h) for (v, h), weight in slope.items())
        down = sum(weight * seen(h, v) for (v, h), weight in slope.items())
        return math.hypot(across, down) / energy

    grad = sum((length(matte, *at) - length(truth, *at)) ** 2 for at in pixels) / 1000
    assert matting.gradient_error(matte, truth) == pytest.approx(grad)


@each_seed
def test_connectivity_equals_a_flood(seed: int) -> None:
    # Noise has many bodies that touch only at corners.
    matte, truth = (np.random.default_rng(s).random((14, 11)) for s in (seed, seed + 5))
    truth = (matte + truth) / 2

    def largest(mask: np.ndarray) -> set[tuple[int, int]]:
        left = set(zip(*map(np.ndarray.tolist, np.nonzero(mask)), strict=True))
        best: set[tuple[int, int]] = set()
        while left:
            body, front = set(), {min(left)}
            while front:
                left -= front
                body |= front
                near = ((y + v, x + h) for y, x in front for v, h in ((0, 1), (1, 0)))
                back = ((y - v, x - h) for y, x in front for v, h in ((0, 1), (1, 0)))
                front = left & {*near, *back}
            best = body if len(body) > len(best) else best
        return best

    level = np.ones(matte.shape)
    for i in range(10, 0, -1):
        body = largest((matte >= i * 0.1) & (truth >= i * 0.1))
        for at in product(range(14), range(11)):
            if at not in body:
                level[at] = (i - 1) * 0.1

    def held(values: np.ndarray) -> np.ndarray:
        above = values - level
        return 1 - above * (above >= 0.15)

    expected = np.abs(held(matte) - held(truth)).sum() / 1000
    assert matting.connectivity_error(matte, truth) == pytest.approx(expected)


@each_seed
def test_clicks_equal_a_walk_along_the_outlines(seed: int) -> None:
    parts, condition = blobs(seed) > 128, (blobs(seed + 3) > 200) & ~(blobs(seed) > 128)
    near = cv2.dilate(condition.astype(np.uint8), CROSS)
    outlines, _ = cv2.findContours(parts.astype(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_NONE)
    number, labels = cv2.connectedComponents(parts.astype(np.uint8))
    untouched, visited, points = set(range(1, number)), set(), 0
    for outline in outlines:
        pieces: list[list[list[int]]] = [[]]
        for x, y in outline[:, 0].tolist():
            if not near[y, x] or (y, x) in visited:
                pieces.append([])
                continue
            pieces[-1].append([x, y])
            visited.add((y, x))
            untouched.discard(int(labels[y, x]))
        pieces = [piece for piece in pieces if piece]
        if len(pieces) > 1:
            (ax, ay), (bx, by) = pieces[0][0], pieces[-1][-1]
            if max(abs(ax - bx), abs(ay - by)) == 1:
                pieces[-1] += pieces.pop(0)[::-1]
        points += sum(len(cv2.approxPolyDP(np.array(p)[:, None], EPSILON, False)) for p in pieces)
    clicks = _clicks(parts, condition)
    assert (clicks.points, clicks.regions) == (points, len(untouched))
    assert points > 0


# What holds for every pair


@each_seed
def test_scores_keep_to_their_bounds_and_the_truth_scores_best(seed: int) -> None:
    pair = random_pair(seed)
    perfect = Pair(pair.object.astype(np.uint8) * 255, pair.object.astype(np.uint8) * 255)
    found = tallied({"found": pair, "perfect": perfect}, EvalProtocol.DEFAULT, *EVERY)
    for metric in EVERY:
        score, best = found.of("found", metric), found.of("perfect", metric)
        assert score >= 0
        if is_error(metric):
            assert best == 0 < score, metric
        else:
            assert score < best <= 1.002, metric
            assert best > 0.99, metric


@each_seed
def test_a_flip_changes_nothing_but_rounding(seed: int) -> None:
    pair = random_pair(seed)
    for flip in (np.flipud, np.fliplr):
        turned = Pair(flip(pair.prediction).copy(), flip(pair.truth).copy())
        for metric, values in measure_pair(pair, set(EVERY) - {"S", "HCE"}).items():
            # Of two nearest pixels, the weighted F takes one.
            tolerance = 5e-3 if metric == "wF" else 1e-9
            np.testing.assert_allclose(
                measure_pair(turned, [metric])[metric], values, rtol=tolerance
            )
        # S rounds its centroid to one side.
        assert structure(turned) == pytest.approx(structure(pair), abs=0.05)


@each_seed
def test_errors_and_overlap_do_not_care_which_is_the_truth(seed: int) -> None:
    one, other = blobs(seed), blobs(seed + 1)
    metrics = ("MAE", "MSE", "IoU", "Acc", *MATTING)
    there, back = measure_pair(Pair(one, other), metrics), measure_pair(Pair(other, one), metrics)
    for metric in metrics:
        np.testing.assert_allclose(there[metric], back[metric], rtol=1e-12)


def test_only_the_official_protocol_stretches() -> None:
    truth = blobs(0)
    faint = (truth // 2).astype(np.uint8)
    assert measure_pair(make_pair(faint, truth), ["MAE"])["MAE"][0] > 0.2
    assert measure_pair(make_pair(faint, truth, stretches=True), ["MAE"])["MAE"][0] < 0.01
    flat = np.full_like(truth, 100)
    assert make_pair(flat, truth, stretches=True).matte.max() == 100 / 255


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("found", [0, 100, 255])
def test_empty_and_full_truths_have_numbers_for_all_but_mba(value: int, found: int) -> None:
    pair = Pair(np.full((9, 7), found, np.uint8), np.full((9, 7), value, np.uint8))
    values = measure_pair(pair, EVERY)
    assert math.isnan(boundary_accuracy(pair))
    assert [m for m, numbers in values.items() if np.isnan(numbers).any()] == ["mBA"]


def test_one_true_pixel_gives_numbers() -> None:
    for at in ((0, 0), (8, 6), (4, 3)):
        truth = np.zeros((9, 7), np.uint8)
        truth[at] = 255
        values = measure_pair(Pair(blobs(1, (9, 7)), truth), EVERY)
        assert all(np.isfinite(numbers).all() for numbers in values.values())


# Means, and comparisons


def test_a_score_without_a_value_is_left_out_and_counted_by_default_only() -> None:
    pairs = {"full": golden_pair("g_full_gt"), "soft": golden_pair("b_soft")}
    found = tallied(pairs, EvalProtocol.DEFAULT, "mBA")
    assert found.score("mBA") == found.of("soft", "mBA")
    assert found.left_out("mBA") == 1
    assert math.isnan(tallied(pairs, EvalProtocol.OFFICIAL, "mBA").score("mBA"))
    assert math.isnan(Tally(SEGMENTATION).score("S"))


def test_curves_are_averaged_before_their_maximum_is_taken() -> None:
    pairs = {"a": random_pair(0), "b": random_pair(1)}
    found = tallied(pairs, EvalProtocol.DEFAULT, "maxF")
    mean = (f_curve(pairs["a"]) + f_curve(pairs["b"])) / 2
    assert found.score("maxF") == pytest.approx(mean.max())


def test_the_difference_of_two_models_is_sure_only_where_pictures_agree() -> None:
    truths = {str(i): blobs(i) for i in range(12)}
    good = tallied({name: Pair(t, t) for name, t in truths.items()}, EvalProtocol.DEFAULT, *EVERY)
    poor = tallied(
        {name: Pair(np.roll(t, 4, 1), t) for name, t in truths.items()},
        EvalProtocol.DEFAULT,
        *EVERY,
    )
    for metric in EVERY:
        there, back, none = (
            a.minus(b, metric) for a, b in ((good, poor), (poor, good), (good, good))
        )
        assert (none.low, none.mean, none.high) == (0, 0, 0)
        assert there.low <= there.mean <= there.high
        assert (-back.high, -back.mean) == pytest.approx((there.low, there.mean))
        assert there.mean == pytest.approx(good.score(metric) - poor.score(metric))
        assert there.high < 0 if is_error(metric) else there.low > 0
    assert math.isnan(good.minus(Tally(EVERY), "S").mean)


def test_metrics_without_their_package_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unavailable(SEGMENTATION) == ()
    monkeypatch.setattr(tally, "find_spec", lambda name: None)
    assert unavailable(SEGMENTATION) == ("wF", "HCE")


def test_thinning_and_effort_grow_with_the_damage() -> None:
    truth = np.zeros((120, 120), np.uint8)
    truth[20:100, 20:100] = 255
    efforts = []
    for holes in range(4):
        prediction = truth.copy()
        for i in range(holes):
            prediction[30 + 20 * i : 44 + 20 * i, 40:80] = 0
        efforts.append(correction_effort(Pair(prediction, truth)))
    assert efforts[0] == 0
    assert all(before < after for before, after in pairwise(efforts))
