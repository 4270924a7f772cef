"""The program answers at once: help and version load nothing heavy."""

import json
import os
import subprocess
import sys
from pathlib import Path

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


def python(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    root = Path(birefcli.__file__).parents[1]
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=check,
    )


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


def test_importing_the_package_loads_no_other_module() -> None:
    program = "import sys, birefcli; print([n for n in sys.modules if n.startswith('birefcli')])"
    assert python("-c", program).stdout == "['birefcli']\n"


def test_waiting_threads_rest_unless_the_user_said_otherwise() -> None:
    for given, expected in (
        ({}, {"GOMP_SPINCOUNT": "1000"}),
        ({"GOMP_SPINCOUNT": "5"}, {"GOMP_SPINCOUNT": "5"}),
        ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
    ):
        environment = dict(given)
        let_waiting_threads_rest(environment)
        assert environment == expected


def test_ctrl_c_while_the_program_still_loads_is_one_word() -> None:
    """An interrupt in the middle of an import, as the terminal sends it."""
    program = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from birefcli.__main__ import main
main()
"""
    ended = python("-c", program, check=False)
    assert ended.returncode == 130
    assert ended.stderr == "birefcli: interrupted\n"
