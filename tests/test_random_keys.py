"""Random keys: the bits that runs of earlier versions were made with, and one place that makes them."""

import re
import zlib
from pathlib import Path

import numpy as np
import pytest

from sampler.composition import Composition
from sampler.generate.chunk_plan import plan
from sampler.monomers import MonomerLibrary
from sampler.random_keys import named_key, numbered_key

PACKAGE = Path(__file__).resolve().parents[1] / "sampler"


@pytest.mark.parametrize(
    ("key", "words"),
    [  # written down with the code that each room had of its own
        (named_key(7, "grow 2sa2am", 3), [745219891, 132307236]),
        (named_key(7, "hop 2sa2am", 3), [3209195870, 506442245]),
        (named_key(7, "child 2sa2am", 3), [35547712, 2778160566]),
        (named_key(7, "child 2sa2am", np.int64(3)), [35547712, 2778160566]),
        (named_key(7, "2sa2am", 3), [1371979223, 1176583855]),
        (numbered_key(7, zlib.crc32(b"2sa2am"), 3), [2808821596, 3816989714]),
        (numbered_key(7, 7919), [1161868266, 2577325100]),
        (numbered_key(7, 1), [369571992, 1544939151]),
        (numbered_key(7, 15485863), [1086796349, 1921025624]),
        (numbered_key(7, 104729, 3), [1832298308, 2474761965]),
    ],
)
def test_the_bits_stay(key, words):
    assert key.generate_state(2).tolist() == words


def test_a_chunk_of_candidates_is_named_by_its_composition():
    library = MonomerLibrary.load()
    chunks = plan(Composition.parse("2sa2am", library), library, 40, 10)
    assert chunks[3].seed_sequence(7).generate_state(2).tolist() == [1371979223, 1176583855]


def test_nothing_else_makes_keys():
    made = [p for p in PACKAGE.rglob("*.py") if re.search(r"SeedSequence\(", p.read_text(encoding="utf-8"))]
    assert made == [PACKAGE / "random_keys.py"]
