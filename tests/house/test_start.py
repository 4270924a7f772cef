"""The program answers at once: help and version load nothing heavy."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import commands

import birefcli
from birefcli.__main__ import let_waiting_threads_rest

HEAVY = (
    *("torch", "torchvision", "timm", "numpy", "PIL", "cv2"),
    *("huggingface_hub", "safetensors", "simple_lama_inpainting"),
)

# Asks every command for its help in one process, and tells which heavy packages each one loaded.
ASK_ALL = """
import contextlib, io, json, sys
from birefcli.cli import app
heavy, commands = json.loads(sys.argv[1])
loaded = {}
for command in commands:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        app([*command.split(), "--help"], prog_name="birefcli")
    assert "Usage: birefcli" in shown.getvalue(), command
    loaded[command] = [name for name in heavy if sys.modules.pop(name, None)]
print(json.dumps(loaded))
"""


ROOT = Path(birefcli.__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def python(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_program_answers_without_anything_heavy(option: str) -> None:
    done = python("-X", "importtime", "-m", "birefcli", option)
    assert "birefcli" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "birefcli.cli" in imported
    assert imported.isdisjoint(HEAVY)


def test_no_command_needs_anything_heavy_for_its_help() -> None:
    loaded = json.loads(python("-c", ASK_ALL, json.dumps([HEAVY, list(commands())])).stdout)
    assert loaded == {command: [] for command in commands()}


def test_importing_the_package_loads_no_room() -> None:
    program = (
        "import sys, birefcli;"
        "print(sorted(name for name in sys.modules if name.startswith('birefcli.')))"
    )
    assert python("-c", program).stdout == "['birefcli.lazy_imports', 'birefcli.version']\n"


def test_waiting_threads_rest_unless_the_user_said_otherwise() -> None:
    for given, expected in (
        ({}, {"GOMP_SPINCOUNT": "1000"}),
        ({"GOMP_SPINCOUNT": "5"}, {"GOMP_SPINCOUNT": "5"}),
        ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
    ):
        environment = dict(given)
        let_waiting_threads_rest(environment)
        assert environment == expected


# Stops in the middle of an import until its standard input says something.
LOADING = """
import signal, sys
class Waiting:
    def find_spec(self, name, *_):
        if name == "typer":
            print("loading", flush=True)
            sys.stdin.read()
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Waiting())
from birefcli.__main__ import main
main()
"""


def test_ctrl_c_while_the_program_still_loads_is_one_word() -> None:
    """An interrupt in the middle of an import, as the terminal sends it."""
    command = [sys.executable, "-c", LOADING]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, env=ENVIRONMENT, text=True, **pipes) as loading:
        assert loading.stdout is not None and loading.stdout.readline() == "loading\n"
        loading.send_signal(signal.SIGINT)
        assert loading.wait() == 130
        assert loading.stderr is not None and loading.stderr.read() == "birefcli: interrupted\n"
