"""`python -m chargen`."""

from chargen.cli.main import main

main()
