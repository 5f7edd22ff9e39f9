"""`chargen`, and `python -m chargen`."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while it still loads ends it in one line too."""
    try:
        from chargen.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("chargen: stopped\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
