"""Progress: bars on a terminal that fit 80 columns, plain lines everywhere else, short lines of rounds."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from sampler.search.archive import line
from sampler.workers.progress import PlainProgress, Progress, choose, duration

_WORK = """
import time
from sampler.workers.progress import choose
progress = choose(False)
print(type(progress).__name__, flush=True)
progress.start(11, 12, LABEL, 123456)
for _ in range(3):
    progress.advance(12345)
    time.sleep(0.15)
progress.round_done(11, 12, "hop", "round 12: 3 new, 1 low; lowest -1.20 kcal/mol", 75.0)
progress.message("a [bold] message")
progress.start(1, 1, "Hessians", 2)
for index, _ in progress.counted(iter([(0, "a"), (1, "b")]), {0}):
    pass
progress.close()
"""


def on_a_terminal(columns=80, label="hop, round 12", **variables):
    """What the work writes to a terminal, as the lines that were ever on the screen."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "CI", "COLUMNS", "TERM")}
    process = subprocess.Popen(
        [sys.executable, "-c", _WORK.replace("LABEL", repr(label))], stdin=other, stdout=other, stderr=other,
        env={**clean, "TERM": "xterm", **variables},
    )  # fmt: skip
    os.close(other)
    written = b""
    while True:
        try:
            more = os.read(main, 65536)
        except OSError:
            break
        if not more:
            break
        written += more
    os.close(main)
    assert process.wait() == 0
    return written.decode()


def lines_of(text):
    return [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", one) for one in re.split(r"[\r\n]+", text)]


def test_a_terminal_gets_bars_that_fit():
    text = on_a_terminal()
    assert "BarProgress" in text and "━" in text
    lines = lines_of(text)
    assert max(map(len, lines)) <= 80
    bars = [one for one in lines if "━" in one and "/123456" in one]
    assert bars and all("hop, round 12" in one and "left" in one and "…" not in one for one in bars)
    assert any(re.search(r"37035/123456 .*/s", one) for one in bars)
    assert "[11/12] hop: round 12: 3 new, 1 low; lowest -1.20 kcal/mol, 1 min 15 s" in lines
    assert "a [bold] message" in lines
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")  # the cursor is there again


@pytest.mark.parametrize("columns", [120, 80, 60])
def test_a_long_label_is_cut_and_no_number_is(columns):
    lines = lines_of(on_a_terminal(columns, "label a-file-with-a-very-long-name-0123456789.extxyz at b97-3c@pyscf"))
    bars = [one for one in lines if "━" in one and "/123456" in one]
    assert bars and max(map(len, bars)) <= columns
    assert {found for one in bars for found in re.findall(r"(\d+)/123456", one)} <= {"0", "12345", "24690", "37035"}
    assert all(re.search(r"left (\d+:\d\d:\d\d|-:--:--)", one) and "label a-file" in one for one in bars)


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"CI": "true"}, {"TERM": "dumb"}])
def test_who_wants_plain_lines_gets_them_on_a_terminal(variables):
    text = on_a_terminal(**variables)
    assert "PlainProgress" in text and "\x1b" not in text and "━" not in text
    assert "[11/12] hop: round 12: 3 new, 1 low; lowest -1.20 kcal/mol, 1 min 15 s" in lines_of(text)


def test_a_pipe_gets_plain_lines():
    done = subprocess.run([sys.executable, "-c", _WORK.replace("LABEL", "'hop'")], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.strip() == "PlainProgress"
    assert "\x1b" not in done.stderr and "\r" not in done.stderr
    assert done.stderr.splitlines()[0].startswith("[11/12] hop: round 12: 3 new")


def test_what_is_counted_is_told_at_the_end(capsys):
    progress = PlainProgress()
    progress.start(1, 1, "Hessians", 3)
    assert [r for _, r in progress.counted(iter([(0, "a"), (2, "c"), (1, "b")]), {0})] == ["a", "c", "b"]
    assert re.fullmatch(r"Hessians: 3, [\d.]+ s\n", capsys.readouterr().err)
    assert progress.done == 3 and progress.fresh == 2


def test_quiet_is_silent(capsys):
    progress = choose(True, verbose=True)
    assert type(progress) is Progress
    progress.start(1, 1, "Hessians", 1)
    assert list(progress.counted(iter([(0, "a")]))) == [(0, "a")]
    assert capsys.readouterr().err == ""


RECORD = {
    "round": 12, "children": 96, "new": 1234, "new_in_window": 123, "seen": 456, "unseen_chao1": 78.4,
    "unseen_lincoln_petersen": 90.1, "lowered_kcalmol": 123.456, "evaluations_so_far": 1234567,
}  # fmt: skip


def test_lines_of_rounds_are_short_and_verbose_ones_have_the_statistics():
    short = f"[10/12] hop: {line(RECORD, 3.0)}, {duration(3599)}"
    assert len(short) <= 80
    assert "1234 new, 123 low" in short and "-123.46 kcal/mol" in short
    told = line(RECORD, 3.0, verbose=True)
    for part in (
        "96 children",
        "456 are known",
        "about 78 (Chao1), 90 (Lincoln-Petersen) unseen",
        "1234567 evaluations",
    ):
        assert part in told
    assert "none low" in line({**RECORD, "new_in_window": 0}, 3.0)
