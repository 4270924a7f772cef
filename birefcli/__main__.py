"""The program's door: `birefcli` and `python -m birefcli` come in here."""

from birefcli.cli import app


def main() -> None:
    """Run the command line and leave with its exit code."""
    app(prog_name="birefcli")


if __name__ == "__main__":
    main()
