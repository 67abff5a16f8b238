"""What docs/style.md says of the pages, as far as a program can tell."""

import re
import subprocess

import pytest
from pages import DOCS, GENERATED, LOG, OUTSIDE, PAGES, ROOT, WRITTEN, lines

WIDTH = 100
OF_USERS = [page for page in WRITTEN if page not in (LOG, DOCS / "style.md")]
HISTORY = re.compile(
    r"\b(no longer|previously|formerly|used to be|nowadays|until now|so far|now|(was|were|been) tried|anymore|any more)\b"
    r"|\bBefore[,:]|\bbefore (that|this|then)\b"
    r"|\bearlier (versions?|models?|committees?|runs?|search(es)?|protocols?)\b"
    r"|\b(was|were|had been) (once|then|at first)\b|\bthe (old|older|first) (version|model|surface|search)\b",
)
NAMES = [str(page.relative_to(ROOT)) for page in OF_USERS]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda p: str(p.relative_to(ROOT)))
def test_lines_are_short(page):
    """Tables, and what programs print, are excepted."""
    long = [
        f"{page.relative_to(ROOT)}:{line.number}: {len(line.text)} characters"
        for line in lines(page)
        if len(line.text) > WIDTH and not line.table and line.block not in ("", "console")
    ]
    assert not long, "\n".join(long)


@pytest.mark.parametrize("page", [*OF_USERS, ROOT / "README.md"], ids=lambda p: str(p.relative_to(ROOT)))
def test_no_history(page):
    said = [
        f"{page.relative_to(ROOT)}:{line.number}: {match[0]!r} in {line.text.strip()!r}"
        for line in lines(page)
        for match in [HISTORY.search(line.text)]
        if match and line.block != "console"
    ]
    assert not said, "\n".join(said)


@pytest.mark.parametrize(
    "text", ["it is no longer so", "this was tried", "Before, it took", "an earlier model", "it now takes"]
)
def test_history_is_found(text):
    assert HISTORY.search(text)


# ---- links -----------------------------------------------------------------------------------------------------------

LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchor(heading):
    """As mkdocs makes it of a heading."""
    words = re.sub(r"[^\w\s-]", "", re.sub(r"`|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower(), flags=re.ASCII)
    return re.sub(r"[\s-]+", "-", words).strip("-")


def anchors(page):
    return {anchor(line.text.lstrip("#")) for line in lines(page) if line.block is None and line.text.startswith("#")}


@pytest.mark.parametrize("page", [*PAGES, *OUTSIDE], ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = "\n".join(line.text for line in lines(page) if line.block is None)
    missing = []
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, part = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.is_file():
            missing.append(f"{target}: no such file")
        elif part and there.suffix == ".md" and part not in anchors(there):
            missing.append(f"{target}: no such heading")
    assert not missing, f"{page.relative_to(ROOT)}: " + "; ".join(missing)


def test_every_page_is_in_the_navigation_once():
    navigation = re.findall(r": ([\w/.-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    assert len(navigation) == len(set(navigation))
    assert set(navigation) == {str(page.relative_to(DOCS)) for page in PAGES if page != LOG}


# ---- evidence --------------------------------------------------------------------------------------------------------

EVIDENCE = [page for page in PAGES if page.parent.name == "evidence" and page.name != "index.md"]


@pytest.mark.parametrize("page", EVIDENCE, ids=lambda p: p.stem)
def test_evidence_has_claim_command_version_and_machine(page):
    text = page.read_text()
    places = [text.find(f"**{word}.**") for word in ("Claim", "Command", "Version", "Machine")]
    assert -1 not in places and places == sorted(places), f"{page.name}: {places}"
    assert f"({page.name}" in (DOCS / "evidence" / "index.md").read_text(), "not in the list of claims"


def test_commits_of_evidence_are_commits_of_this_repository():
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    named = {commit for page in EVIDENCE for commit in re.findall(r"`([0-9a-f]{7})`", _version(page))}
    assert len(named) > 8
    if (
        subprocess.run(["git", "rev-parse", "--is-shallow-repository"], cwd=ROOT, capture_output=True, text=True).stdout
        != "false\n"
    ):
        pytest.skip("not the whole history")
    for commit in named:
        kind = subprocess.run(
            ["git", "cat-file", "-t", commit], cwd=ROOT, capture_output=True, text=True
        ).stdout.strip()
        assert kind == "commit", commit


def _version(page):
    found = re.search(r"\*\*Version\.\*\* (.*?)\n\n", page.read_text(), re.S)
    assert found, page
    return found[1]


def test_generated_pages_say_so():
    for page in GENERATED:
        assert "Made by `python .ci/pages`" in page.read_text()[:300], page


# ---- the README ------------------------------------------------------------------------------------------------------


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text()
    assert len(text.split()) <= 600
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert len(pictures) == 3
    assert all((ROOT / picture).stat().st_size < 200_000 for picture in pictures)
    assert "<!-- install -->" in text and "<!-- test -->" in text
