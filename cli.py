"""Launcher: ``python cli.py …`` is the installed command ``sampler …``."""

from sampler.cli.app import main

if __name__ == "__main__":
    main()
