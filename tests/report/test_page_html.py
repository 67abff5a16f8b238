"""The text of the page, without a browser: nothing foreign, every text a text, small."""

import base64
import hashlib
import html as markup
import json
import re
import struct

import pytest
from page_samples import CLOSING, HOSTILE, run, screen, thermo

from sampler.report import page

KINDS = {"run": run, "screen": screen, "thermo": thermo}


@pytest.fixture(scope="module")
def heavy():
    return page.html(run(100, 10))


def data(text: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_loaded_from_anywhere(kind):
    """Addresses are those of links that a reader may follow; style and script are in the page, and the policy knows them."""
    text = page.html(KINDS[kind]())
    assert not re.findall(r"""(?:\bsrc\s*=|@import|url\()""", text)
    assert set(re.findall(r'href="(https?://[^/"]+)', text)) <= {"https://doi.org"}
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    policy = markup.unescape(policy)
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for name, pattern in (("style", "<style>(.*?)</style>"), ("script", "<script>(.*?)</script>")):
        (held,) = re.findall(pattern, text, re.S)
        digest = base64.b64encode(hashlib.sha256(held.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy


def test_coordinates_come_back():
    """The 16-bit thousandths of Å, read back as the script does, are the report's to half of one."""
    report = run(3)
    packed = data(page.html(report))["structures"]
    for entry, told in zip(report["structures"], packed["list"], strict=True):
        raw = base64.b64decode(told["at"])
        read = [0.001 * i for i in struct.unpack(f"<{len(raw) // 2}h", raw)]
        assert read == pytest.approx(entry["positions"], abs=6e-4)
        assert packed["symbols"][told["symbols"]] == entry["symbols"]
        assert [tuple(b[:3]) for b in entry["hydrogen_bonds"]] == list(zip(*[iter(told["hydrogen_bonds"])] * 3))


def test_coordinates_far_out_are_kept():
    report = run(1)
    report["structures"][0]["positions"][0] = 40.25
    told = data(page.html(report))["structures"]["list"][0]
    assert told["bits"] == 32 and struct.unpack("<i", base64.b64decode(told["at"])[:4])[0] == 40250


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hostile", [HOSTILE, CLOSING, '" onmouseover="alert(3)', "{{ 7 * 7 }}", "<!--<script>"])
def test_every_text_stays_text(kind, hostile):
    """A text put wherever a report has one is in the page only as text."""
    plain, report = KINDS[kind](), poisoned(KINDS[kind](), hostile)
    report["kind"] = plain["kind"]
    text = page.html(report)
    assert (
        len(re.findall("<script", text)) == 2
        and "<img" not in text
        and "49" not in re.findall(r"<h1>(.*?)</h1>", text)[0]
    )
    assert not re.findall(r"\son\w+=\"", re.sub(r"<(script|style).*?</\1>", "", text, flags=re.S))
    assert markup.escape(hostile) in text or hostile.replace('"', "&#34;") in markup.unescape(text).replace(
        '"', "&#34;"
    )


def poisoned(value, hostile, key=""):
    """``value`` with ``hostile`` behind every text of it, keys of closed lists spared."""
    if isinstance(value, dict):
        return {k: poisoned(v, hostile, k) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(v, hostile, key) for v in value]
    return value + hostile if isinstance(value, str) and key not in ("kind", "from", "symbols") else value


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "https://elsewhere.example/", "//elsewhere.example/", "/etc/passwd", "JavaScript:x"]
)
def test_links_lead_to_files_beside_the_page(href):
    report = screen()
    report["grid"][0]["cells"][0]["href"] = report["table"]["hrefs"][0] = href
    assert href not in page.html(report)


def test_a_heavy_run_is_small(heavy):
    """100 structures of 110 atoms, in bytes."""
    size = len(heavy.encode())
    print(f"{size} bytes")
    assert size < 500_000


def test_numbers_are_those_of_the_report():
    report = run(5)
    text = markup.unescape(page.html(report))
    for entry in report["structures"]:
        assert f"{entry['binding_energy_kcalmol']:.2f}".replace("-", "\N{MINUS SIGN}") in text
        assert entry["id"] in text and entry["state_label"] in text


def test_columns_without_a_value_are_left_out():
    report = run(4)
    for entry in report["structures"]:
        entry.update(gibbs_kcalmol=None, orca=None)
    text = page.html(report)
    assert 'data-key="gibbs_kcalmol"' not in text and 'data-key="orca"' not in text and 'data-key="rg_A"' in text


def test_a_new_kind_needs_python_alone():
    """A kind that the page does not know is drawn from the sections its report holds."""
    report = {**screen(), "kind": "study", "grid": None, "table": None}
    report["sections"] = [
        {"type": "text", "id": "why", "title": "Why", "paragraphs": ["Because."]},
        {
            "type": "plot", "id": "curve", "title": "Learning curve", "alt": "Error falls.", "x": {"name": "labels", "unit": ""},
            "y": {"name": "error", "unit": "kcal/mol"}, "marks": "line", "series": [{"name": "fast", "points": [{"x": 1, "y": 2.5}]}],
        },
        {"type": "table", "id": "t", "title": "All", "columns": [{"key": "n", "name": "n", "unit": "", "kind": "number"}], "rows": [[3]]},
        {"type": "funnel", "id": "f", "title": "Data", "stages": run(1)["funnel"]},
    ]  # fmt: skip
    text = page.html(report)
    assert all(f'id="{name}"' in text for name in ("why", "curve-plot", "t", "f", "methods"))


def test_missing_and_foreign_cells_are_told_by_more_than_colour():
    text = page.html(screen())
    assert re.search(r'<td class="missing"[^>]*>\s*<span class="formula">[^<]+</span><small>failed</small>', text)
    assert re.search(r'<td class="other step-\d"[^>]*>.*?<small>level gfn1-xtb</small>', text, re.S)
    assert "not asked for" in text and "(H₂SO₄)₂(NH₃)₂" in text
