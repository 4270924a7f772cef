"""Train on a machine that is rented for minutes: one command a step, and nothing to think about.

    python3 examples/train_compact/gpu/train.py stage     # for every shard but the last
    python3 examples/train_compact/gpu/train.py first     # with the last one: trains
    python3 examples/train_compact/gpu/train.py further   # goes on from the best weights

It runs from a checkout without an installation. What arrived in runs/gpu-data is copied to --work,
where the next step finds it. While `birefcli train` runs there, its weights and log are copied to
--out every minute, so that a step that is cut off still gives a model. Within the first seconds it
says how many samples a second there are; are they too few, composing is the limit, and it starts
over on smaller scenes. Options that it does not know go to `birefcli train`.
"""

import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[2]
ARRIVED = CHECKOUT / "runs" / "gpu-data"
# What comes back, the most useful first; each is below 16 MiB.
RETURNED = ("best.safetensors", "last.safetensors", "log.jsonl", "sheet.webp", "settings.json")
LEAST_SPEED = 300.0  # samples a second
JUDGED_AFTER = 20.0  # seconds from the first step
COPIED_EVERY = 60.0  # seconds
STEP_SECONDS = 570.0  # of the ten minutes a step may last
BEFORE_AND_AFTER = 50.0  # seconds for the start and the last validation
# Half the pixels to compose, at twice the batch.
SMALLER = "stages=[{until=0.6,size=192,batch=320},{until=1.0,size=256,batch=192}]"


@dataclass(frozen=True)
class Asked:
    """What a step was asked to do."""

    step: str
    work: Path
    out: Path
    budget: float  # minutes at most
    least_speed: float
    options: tuple[str, ...]  # for birefcli train

    @property
    def data(self) -> Path:
        """Where the data pack gathers over the steps."""
        return self.work / "data"

    @property
    def run(self) -> Path:
        """Where this step's run lies."""
        return self.work / self.step


def main() -> int:
    """Do what one step is for; 0 when a model came of it."""
    begun = time.monotonic()
    asked = read_arguments()
    bring_data(ARRIVED, asked.data)
    if asked.step == "stage":
        return 0
    use_what_arrived(asked.data)
    print(machine(), flush=True)
    asked.out.mkdir(parents=True, exist_ok=True)
    smaller: tuple[str, ...] = ()
    for _ in range(2):
        left = STEP_SECONDS - (time.monotonic() - begun)
        minutes = min(asked.budget, (left - BEFORE_AND_AFTER) / 60)
        code, is_slow = train(asked, minutes, left, smaller)
        if not is_slow:
            return code
        smaller = ("--set", SMALLER)
    return code


def read_arguments() -> Asked:
    """Read the command line; what is unknown is kept for `birefcli train`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=("stage", "first", "further"))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "birefcli-gpu")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "runs/gpu-out")))
    parser.add_argument("--time-budget", default="8.5m", help="90s or 8.5m, at most")
    parser.add_argument("--least-speed", type=float, default=LEAST_SPEED)
    known, options = parser.parse_known_args()
    unit = {"s": 1 / 60, "m": 1.0}[known.time_budget[-1]]
    budget = float(known.time_budget[:-1]) * unit
    return Asked(
        known.step, known.work, known.out.absolute(), budget, known.least_speed, tuple(options)
    )


def bring_data(arrived: Path, data: Path) -> None:
    """Copy what came with this step to where the next one finds it."""
    data.mkdir(parents=True, exist_ok=True)
    for path in sorted(arrived.glob("*")) if arrived.is_dir() else ():
        if path.is_file() and path.name != "index.csv":
            shutil.copyfile(path, data / path.name)
        elif path.name == "index.csv":
            shutil.copyfile(path, data / "index-of-all.csv")
    print("here now:", ", ".join(sorted(path.name for path in data.iterdir())), flush=True)


def use_what_arrived(data: Path) -> None:
    """Write the index of the shards that are here whole; without any there is nothing to do."""
    whole = {path.name for path in data.glob("part-*.zip") if zipfile.is_zipfile(path)}
    with (data / "index-of-all.csv").open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    wanted = {row["shard"] for row in rows}
    if not whole:
        sys.exit(f"no shard has arrived in {data}; carry runs/gpu-data/part-*.zip")
    if wanted - whole:
        print("TRAINS ON A PART: missing", *sorted(wanted - whole), flush=True)
    with (data / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, reader.fieldnames or ())
        writer.writeheader()
        writer.writerows(row for row in rows if row["shard"] in whole)


def machine() -> str:
    """Name the device and the number of cores."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{device}, {os.cpu_count()} cores, torch {torch.__version__}"


def command(asked: Asked, minutes: float, smaller: tuple[str, ...]) -> list[str]:
    """Give the command that trains."""
    words = [sys.executable, "-m", "birefcli", "train", str(asked.data), "-o", str(asked.run)]
    words += ["--recipe", str(HERE / f"{asked.step}.toml"), "--time-budget", f"{minutes:.2f}m"]
    if asked.step == "further":
        words += ["--from", str(best_of_before(asked))]
    elif encoder := next(asked.data.glob("encoder.*"), None):
        words += ["--backbone-weights", str(encoder)]
    if (asked.run / "state.pt").is_file() or asked.run.is_dir():
        words.append("--redo")
    return [*words, *smaller, *asked.options]


def best_of_before(asked: Asked) -> Path:
    """Find the weights to go on from: carried along, of the step before, or returned by it."""
    places = (asked.data, asked.work / "first", asked.out)
    for name in ("best.safetensors", "last.safetensors"):
        for place in places:
            if (place / name).is_file():
                return place / name
    sys.exit(f"no weights to go on from in {', '.join(map(str, places))}")


def train(
    asked: Asked, minutes: float, seconds: float, smaller: tuple[str, ...]
) -> tuple[int, bool]:
    """Run one training of so many minutes; give its exit code, and whether it was too slow."""
    words = command(asked, minutes, smaller)
    print("+", *words, flush=True)
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, cwd=CHECKOUT, env=environment)
    ends, copied, is_judged = time.monotonic() + seconds, time.monotonic(), bool(smaller)
    is_slow = False
    while process.poll() is None:
        time.sleep(1)
        if not is_judged and (speed := speed_of(asked.run / "log.jsonl")) is not None:
            is_judged = True
            print(f"SPEED: {speed:.0f} samples a second", flush=True)
            if speed < asked.least_speed:
                print(
                    f"TOO SLOW: under {asked.least_speed:g} a second the composing of scenes is "
                    "the limit; it stops here and starts over on smaller scenes",
                    flush=True,
                )
                is_slow = True
                stop(process)
        if time.monotonic() - copied >= COPIED_EVERY:
            copied = time.monotonic()
            copy_results(asked)
        if time.monotonic() > ends:
            print("TIME IS UP: it saves and stops", flush=True)
            stop(process)
    copy_results(asked)
    return process.returncode, is_slow


def speed_of(log: Path) -> float | None:
    """Give the samples a second between the first step and twenty seconds later; None before."""
    steps = [line for line in lines_of(log) if "loss" in line]
    if not steps or steps[-1]["seconds"] - steps[0]["seconds"] < JUDGED_AFTER:
        return None
    first, last = steps[0], steps[-1]
    return float(last["samples"] - first["samples"]) / float(last["seconds"] - first["seconds"])


def lines_of(log: Path) -> Iterator[dict[str, float]]:
    """Read what a run has noted so far."""
    for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else ():
        try:
            yield json.loads(line)
        except ValueError:
            return


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask a training to save and end, and see that it does."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()


def copy_results(asked: Asked) -> None:
    """Copy weights and log to where they are sent back from, each whole or not at all."""
    for name in RETURNED:
        source, target = asked.run / name, asked.out / name
        if source.is_file():
            part = target.with_name(f".{name}.part")
            shutil.copyfile(source, part)
            part.replace(target)


if __name__ == "__main__":
    raise SystemExit(main())
