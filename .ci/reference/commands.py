"""The page of all commands and options, as typer writes it."""

import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from .text import MADE_BY

ROOT = Path(__file__).resolve().parents[2]
HELP = "the commands' own help"
COMPLETION = """
Letters mean the same in every command: `-o` is where results go, `-n` how many are taken or shown.

**Completion.** `sampler --install-completion` teaches the shell you are in (bash, zsh, fish, PowerShell) what Tab
offers. A new terminal has it. These are completed:

- commands and options;
- compositions: `2sa2` and Tab lists the molecules, your own ones too;
- protocols, and `.toml` files beside them;
- models by their short names (`sampler models`), and folders of models;
- run directories and screens.

`sampler --show-completion` prints the script, for a shell that is set up in another way.

**Names.** Molecules may be written as formulas or in words, wherever there is one meaning:
`sampler run "2 H2SO4 2 NH3"`, `sampler run 2sa2NH3`, `sampler monomer show ammonia`. A line says how it was read.
The run directory has the canonical name, here `2sa2am`.
"""


def page() -> str:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "commands.md"
        subprocess.run(
            [sys.executable, "-m", "typer", "sampler.cli.app", "utils", "docs", "--name", "sampler",
             "--title", "Commands", "--output", str(made)],
            cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        title, rest = made.read_text().split("\n", 1)
    rest = re.sub(r"^Examples?:\n((?:  .*\n)+)", lambda m: f"```bash\n{textwrap.dedent(m[1])}```\n", rest, flags=re.M)
    return f"{title}\n\n{MADE_BY.format(HELP)}\n{COMPLETION}\n{rest}"
