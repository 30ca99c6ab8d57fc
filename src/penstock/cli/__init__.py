"""The command `penstock`: one file per command. What a command needs is imported when it runs, so that `--help` is quick."""


def main() -> None:
    """Entry point of the console script."""
    from penstock.cli.application import app

    app()
