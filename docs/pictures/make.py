"""Make the pictures of the README and of the tutorial anew.

    python docs/pictures/make.py [speed] [heatmap] [report]

``speed`` is drawn from the table of docs/evidence/speed.md. ``heatmap`` and ``report`` run `sampler screen 1-4sa am=sa±1` and
`sampler run 2sa2am` in a folder that is kept (--work, by default docs-pictures), so that a second call takes seconds. The
report is photographed by Chromium (pip install playwright; `playwright install chromium`, or Debian's chromium).
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LARGEST = 200_000  # bytes of a picture


def speed(_: Path) -> None:
    """CPU time of an energy with its forces against size, three programs, from the evidence page."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    table = re.search(r"^\| atoms \| fused, ms.*?\n\n", (ROOT / "docs/evidence/speed.md").read_text(), re.M | re.S)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    atoms = [float(row[0]) for row in rows]
    series = {
        "GFN1-xTB (tblite)": (5, "#b5543c", "s"), "PaiNN, SchNetPack": (3, "#c9962b", "^"), "PaiNN, sampler": (1, "#1f6f8b", "o"),
    }  # fmt: skip
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    for name, (column, colour, mark) in series.items():
        points = [(n, float(row[column].split()[0])) for n, row in zip(atoms, rows, strict=True) if row[column]]
        axes.plot(*zip(*points, strict=True), mark, linestyle="-", color=colour, label=name)
        axes.annotate(name, points[-1], textcoords="offset points", xytext=(8, -3), color=colour)
    axes.set(xscale="log", yscale="log", xlabel="atoms", ylabel="CPU ms, energy and forces", xlim=(9, 1100))
    axes.set_xticks(atoms, [f"{n:.0f}" for n in atoms])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(HERE / "speed.png", dpi=130)


def heatmap(work: Path) -> None:
    """The grid in the report of a screen of sulfuric acid and ammonia."""
    _sampler(work, "screen", "1-4sa", "am=sa±1", "--out", "screen", "--set", "generate.candidates=60")
    _sampler(work, "report", "screen")
    _photograph(work / "screen" / "report.html", HERE / "heatmap.png", "section.section-heatmap")


def report(work: Path) -> None:
    """The first screenful of a run's report."""
    _sampler(work, "run", "2sa2am")
    _sampler(work, "report", "2sa2am")
    _photograph(work / "2sa2am" / "report.html", HERE / "report.png")


def _photograph(page: Path, picture: Path, part: str | None = None) -> None:
    """A picture of a page at 1280 × 800, or of the first element that a selector finds in it (900 wide)."""
    from playwright.sync_api import sync_playwright

    installed = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=installed)
        shown = browser.new_page(viewport={"width": 900 if part else 1280, "height": 800})
        shown.goto(page.as_uri())
        shown.wait_for_timeout(1500)
        (shown.locator(part).first if part else shown).screenshot(path=picture)
        browser.close()
    _fewer_colours(picture)


def _fewer_colours(picture: Path) -> None:
    """A third of the bytes, and nothing to see of it."""
    from PIL import Image

    Image.open(picture).convert("RGB").quantize(200, dither=Image.Dither.NONE).save(picture, optimize=True)


def _sampler(work: Path, *words: str) -> None:
    subprocess.run([sys.executable, str(ROOT / "cli.py"), *words], cwd=work, check=True)


PICTURES = {"speed": speed, "heatmap": heatmap, "report": report}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*PICTURES, []], help="all, if none is named")
    parser.add_argument("--work", type=Path, default=Path("docs-pictures"))
    arguments = parser.parse_args()
    arguments.work.mkdir(exist_ok=True, parents=True)
    for name in arguments.names or PICTURES:
        PICTURES[name](arguments.work.resolve())
        size = (HERE / f"{name}.png").stat().st_size
        print(f"{HERE / name}.png: {size} bytes")
        if size > LARGEST:
            sys.exit(f"{name}.png is larger than {LARGEST} bytes")


if __name__ == "__main__":
    main()
