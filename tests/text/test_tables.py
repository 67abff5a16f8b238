"""Tables fit the width that is asked for, and every number in them is whole."""

import random
import re

import pytest

from sampler.text.table import table, wrapped

HEADER = ["rank", "id", "state", "relative", "binding", "evaluations", "what"]
ROWS = [
    ["1", "10sa10am-0012_0345-grown-from-9sa9am-0001_0002", "8 HSO4⁻ · 1 SO4²⁻ · 1 H2SO4 · 10 NH4⁺", "0.00",
     "-1234567.8901", "123456789", "the file 4sa4am.out ended after 1234567.125 s, energy -2078.90401234 Eh"],
    ["200", "1sa", "–", "12345.67", "–", "7", "b97-3c_sa_am_dma_w-delta-gfn1-seed42"],
]  # fmt: skip
NUMBERS = ["0.00", "-1234567.8901", "123456789", "12345.67", "1234567.125", "-2078.90401234"]
RIGHT = {0, 3, 4, 5}


@pytest.mark.parametrize("width", [200, 120, 80, 60, 40, 30])
def test_a_table_fits_and_no_number_is_cut(width):
    lines, headers = table("a title that is as long as titles are", HEADER, ROWS, width, RIGHT, wrap={6}, keys=2)
    assert max(map(len, lines)) <= max(width, 40), "\n".join(lines)
    words = set(" ".join(lines).split())
    assert set(NUMBERS) <= words, f"cut at {width}: {set(NUMBERS) - words}"
    assert "…" not in "\n".join(lines)
    assert all(lines[i + 1].startswith("─") or i + 1 in headers for i in headers)
    # every letter of every cell is there: nothing is lost by wrapping
    letters = "".join("".join(lines).split())
    assert all(letters.count(c) >= "".join(c for row in ROWS for cell in row for c in cell).count(c) for c in "HSN⁻⁺²")


def test_blocks_begin_with_the_keys():
    lines, headers = table("", HEADER, ROWS, 60, RIGHT, wrap={6}, keys=2)
    heads = [lines[i] for i in headers if lines[i].startswith("rank")]
    assert len(heads) > 1 and all(head.split()[:2] == ["rank", "id"] for head in heads)
    assert sorted(" ".join(h.split()[2:] and h for h in heads).split()) >= ["binding"]


def test_what_fits_stays_on_one_line():
    lines, _ = table("", ["system", "binding"], [["4sa4am", "-137.42"], ["1sa1am", "-17.1"]], 80, {1})
    assert lines == ["system  binding", "──────  ───────", "4sa4am  -137.42", "1sa1am    -17.1"]


def test_an_empty_table_has_its_header():
    assert table("", ["a", "b"], [], 80)[0] == ["a  b", "─  ─"]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("4 HSO4⁻ · 4 NH4⁺", 10, ["4 HSO4⁻ ·", "4 NH4⁺"]),
        ("4sa4am-0007_0123-relax", 12, ["4sa4am-0007_", "0123-relax"]),
        ("x=-123456.7890123456", 8, ["x=", "-123456.7890123456"]),
        ("methanesulfonate", 12, ["methanesulfo", "nate"]),
        ("", 10, [""]),
    ],
)
def test_lines_break_where_they_may(text, width, lines):
    assert wrapped(text, width) == lines


@pytest.mark.parametrize("seed", range(20))
def test_random_tables(seed):
    """No number is cut, whatever the columns; only a block of keys and one column can be too wide."""
    rng = random.Random(seed)
    columns = rng.randint(2, 12)
    right = {i for i in range(1, columns) if rng.random() < 0.6}
    number = lambda: f"{rng.uniform(-1, 1) * 10 ** rng.randint(0, 9):.{rng.randint(0, 8)}f}"  # noqa: E731
    name = lambda: "".join(rng.choice("abcé-_/ 4") for _ in range(rng.randint(1, 40))) or "x"  # noqa: E731
    header = [f"head {i}" for i in range(columns)]
    rows = [[number() if i in right else name() for i in range(columns)] for _ in range(5)]
    width = rng.choice([60, 80])
    lines, _ = table("", header, rows, width, right)
    assert max(map(len, lines)) <= width, "\n".join(lines)
    words = " ".join(lines).split()
    for row in rows:
        for i in right:
            assert row[i] in words
    assert not re.search("…", "".join(lines))
