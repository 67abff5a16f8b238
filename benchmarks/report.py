"""The page of a report in headless Chromium: bytes, time until it can be used, requests, heap; chemiscope beside it.

    python benchmarks/report.py [REPORT.json] [--loads 5] [--write docs/evidence/report.md]

Without a file it takes a made-up run of 100 structures of 110 atoms. Each figure is the median of fresh pages of one browser.
Needs playwright and Chromium; chemiscope (``pip install chemiscope``) is measured where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from sampler.report import page
from sampler.version import __version__

ROOT = Path(__file__).resolve().parents[1]
BARE = ["--no-sandbox", "--disable-background-networking"]
#: how a machine draws -> arguments of Chromium
DRAWING = {
    "no WebGL": [*BARE, "--disable-gpu", "--disable-3d-apis"],
    "WebGL by software": [*BARE, "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
}
READY = "Number(document.documentElement.dataset.ready) || null"
STEP = """() => new Promise(done => { const row = document.querySelectorAll('#ranking tbody tr')[1], start = performance.now(); row.click();
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start))); })"""
SUPERPOSE = """() => { const list = document.getElementById('compare'), start = performance.now();
    list.value = '0'; list.dispatchEvent(new Event('change')); return performance.now() - start; }"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", nargs="?", type=Path)
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--write", type=Path, help="a Markdown page")
    options = parser.parse_args()
    report = json.loads(options.report.read_text(encoding="utf-8")) if options.report else made_up()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(report, Path(folder), options.loads)
    text = written(report, rows, options)
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


def made_up() -> dict:
    sys.path.insert(0, str(ROOT / "tests" / "report"))
    import page_samples

    return page_samples.run(100, 10)


def measured(report: dict, folder: Path, loads: int) -> list[dict]:
    from playwright.sync_api import sync_playwright

    ours, theirs = folder / "page.html", folder / "chemiscope.html"
    ours.write_text(page.html(report), encoding="utf-8")
    pages = [("this page", ours)]
    if importlib.util.find_spec("chemiscope"):
        theirs.write_text(chemiscope_page(report), encoding="utf-8")
        pages.append(("chemiscope", theirs))
    rows = []
    with sync_playwright() as playwright:
        for drawing, arguments in DRAWING.items():
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
            for name, file in pages:
                slow = (1, 4) if file is ours and drawing == "no WebGL" else (1,)
                for factor in slow:
                    seen = [load(browser, file, factor, file is ours) for _ in range(loads)]
                    rows.append(
                        {
                            "page": name,
                            "drawing": drawing,
                            "slower": factor,
                            "bytes": file.stat().st_size,
                            **middle(seen),
                        }
                    )
            browser.close()
    return rows


def load(browser, file: Path, slower: int, ours: bool) -> dict[str, float | None]:
    """One fresh page: ms until the first text is painted and until it answers, and what it used."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    sheet = context.new_page()
    requests: list[str] = []
    complaints: list[str] = []
    sheet.on("request", lambda request: requests.append(request.url))
    sheet.on("console", lambda message: complaints.append(message.text))
    sheet.on("pageerror", lambda error: complaints.append(str(error)))
    protocol = context.new_cdp_session(sheet)
    protocol.send("Performance.enable", {"timeDomain": "threadTicks"})
    protocol.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    sheet.goto(file.as_uri(), wait_until="commit", timeout=120_000)
    sheet.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
    told = sheet.evaluate(READY)
    paint = sheet.evaluate("(performance.getEntriesByName('first-contentful-paint')[0] || {}).startTime || null")
    metrics = {m["name"]: m["value"] for m in protocol.send("Performance.getMetrics")["metrics"]}
    found = {
        "painted": paint,
        "ready": told if isinstance(told, int | float) else None,
        "work": 1000 * metrics["TaskDuration"],
        "heap": metrics["JSHeapUsedSize"] / 1e6,
        "requests": float(len(requests) - 1),
        "complaints": float(len(complaints)),
        "step": sheet.evaluate(STEP) if ours else None,
        "superposed": sheet.evaluate(SUPERPOSE) if ours else None,
    }
    context.close()
    return found


def middle(seen: list[dict]) -> dict[str, float | None]:
    known = {key: [one[key] for one in seen if one[key] is not None] for key in seen[0]}
    return {key: statistics.median(values) if values else None for key, values in known.items()}


def chemiscope_page(report: dict) -> str:
    """The same structures, energies, RMSD and Rg in chemiscope's own map and viewer, its script inlined."""
    import chemiscope
    from ase import Atoms

    frames = [
        Atoms(s["symbols"], [s["positions"][i : i + 3] for i in range(0, len(s["positions"]), 3)])
        for s in report["structures"]
    ]
    keys = ("relative_energy_kcalmol", "rmsd_to_lowest_A", "rg_A")
    properties = {key: {"target": "structure", "values": [s[key] for s in report["structures"]]} for key in keys}
    data = chemiscope.create_input(structures=frames, properties=properties, metadata={"name": "run"})
    text = json.dumps(data, default=lambda array: array.tolist()).replace("<", "\\u003c")
    library = (Path(chemiscope.__file__).parent / "sphinx/static/chemiscope.min.js").read_text(encoding="utf-8")
    library = library.replace("</script", "<\\/script")
    return f"""<!doctype html><meta charset="utf-8"><title>chemiscope</title><div id="meta"></div>
<div id="map" style="width:600px;height:400px"></div><div id="structure" style="width:600px;height:500px"></div><div id="info"></div>
<script>{library}</script><script type="application/json" id="data">{text}</script>
<script>const done = (word) => {{ document.documentElement.dataset.ready = word || performance.now(); }};
Chemiscope.DefaultVisualizer.load({{ meta: "meta", map: "map", structure: "structure", info: "info" }},
  JSON.parse(document.getElementById("data").textContent), new Chemiscope.Warnings()).then(() => done(), () => done("failed"));</script>"""


def written(report: dict, rows: list[dict], options: argparse.Namespace) -> str:
    chromium = subprocess.run([shutil.which("chromium") or "chromium", "--version"], capture_output=True, text=True)
    browser = " ".join(chromium.stdout.split()[:2]) or "Chromium"
    count, atoms = len(report["structures"]), len(report["structures"][0]["symbols"])
    given = f" {options.report.name}" if options.report else ""
    lines = [
        "# A report is one small file that is there at once",
        "",
        f"**Claim.** The page of a run with {count} structures of {atoms} atoms is one file below 0.5 MB.",
        "It asks the network for nothing, and it can be used within two seconds.",
        "It needs no WebGL, so it is seen on remote desktops too.",
        "",
        f"**Command.** `python benchmarks/report.py --loads {options.loads} --write FILE{given}`",
        "",
        f"**Version.** {__version__}, commit `{commit()}`.",
        "",
        f"**Machine.** {os.cpu_count()} cores of {processor()}, {browser}, headless;",
        f"average load {os.getloadavg()[0]:.0f}: other work ran beside.",
        "",
        f"Medians of {options.loads} fresh pages.",
        "*Painted*: the first text is on the screen.",
        "*Usable*: everything is drawn, and the table and the keys answer.",
        "*Processor*: time of the main thread up to then, which a busy machine does not stretch.",
        "*Step*: from a click in the table to the picture of that structure.",
        "*Slower*: how much Chromium throttles the processor.",
        *([chemiscope_is()] if any(row["page"] == "chemiscope" for row in rows) else []),
        "",
        "| page | drawing | slower | MB | painted, ms | usable, ms | processor, ms | step, ms | superposing two, ms "
        "| heap, MB | requests | complaints |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        keys = ("painted", "ready", "work", "step", "superposed", "heap", "requests", "complaints")
        cells = ["" if row[key] is None else f"{row[key]:.0f}" for key in keys]
        cells[1] = cells[1] or "never"
        if cells[1] == "never":
            cells[2] = ""
        lines.append(
            f"| {row['page']} | {row['drawing']} | {row['slower']}× | {row['bytes'] / 1e6:.2f} | {' | '.join(cells)} |"
        )
    return "\n".join(lines) + "\n"


def chemiscope_is() -> str:
    from importlib.metadata import version

    return f"*chemiscope* is version {version('chemiscope')} with the same structures, energies, RMSD and radii."


def processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.split(":", 1)[1].strip() for line in told.splitlines() if line.startswith("model name")),
        platform.machine(),
    )


def commit() -> str:
    return (
        subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()
        or "no commit"
    )


if __name__ == "__main__":
    main()
