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
    return f"{title}\n\n{MADE_BY.format(HELP)}\n{rest}"
