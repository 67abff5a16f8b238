"""Whatever is written in a supported format reads back the same; whatever is damaged is read or refused, in words."""

import io
import random
import string
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sampler.clusters import Clusters
from sampler.errors import SamplerError
from sampler.interop import read_any, write_any
from sampler.learn.labels.structures import read_structures
from sampler.monomers import MonomerLibrary
from sampler.text.xyz import frames
from sampler.text.xyz_comment import pairs

pytestmark = pytest.mark.once

DATA = Path(__file__).parents[1] / "data" / "files"
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
LONG = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))

_LETTERS = st.characters(exclude_categories=("Cs", "Cc"))
_WORD = st.one_of(
    st.sampled_from(["0007", "0007_0123", "1e5", "T", "F", "nan", "-1 1", 'a "b" \\n c=1', "2 HSO4⁻ · 2 NH4⁺", "=", "{", "[1", ""]),
    st.text(_LETTERS, max_size=12),
)  # fmt: skip
_NAME = st.text(string.ascii_letters + string.digits + '_:. ="\\{[-⁺', min_size=1, max_size=10).filter(
    lambda n: (
        n.strip() == n
        and n not in ("id", "name", "level", "energy", "energy_eV", "pbc", "Lattice", "Properties")
        and not n.lower().replace("_", "").endswith("charge")
        and not n.endswith(":json")
    )
)
_FLOAT = st.floats(-1e6, 1e6, allow_nan=False)
_VALUES = {
    "f": st.one_of(_FLOAT, st.just(float("nan"))),
    "i": st.integers(-(2**40), 2**40),
    "b": st.booleans(),
    "U": _WORD,
}


@st.composite
def populations(draw) -> Clusters:
    b = draw(st.integers(1, 3))
    sizes = [draw(st.integers(1, 5)) for _ in range(b)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    numbers = [rng.choice([1, 6, 7, 8, 16, 17, 53], n) for n in sizes]
    columns = {}
    for name in draw(st.lists(_NAME, max_size=3, unique_by=lambda n: n.replace(":", "").lower())):
        kind = draw(st.sampled_from("fibU"))
        values = [draw(_VALUES[kind]) for _ in range(b)]
        if kind == "f" and all(float(v).is_integer() or v != v for v in values):
            values[0] = 0.5  # JKQC and ASE cannot tell 1.0 from 1; a column is of numbers with decimals if one is
        columns[name] = np.array(values, {"f": float, "i": np.int64, "b": bool, "U": np.str_}[kind])
    energy = [draw(st.one_of(_FLOAT, st.just(float("nan")))) for _ in range(b)]
    ids = [draw(_WORD.filter(bool)) for _ in range(b)]
    with_forces = draw(st.booleans())
    return Clusters.make(
        [rng.normal(0, 10.0 ** rng.integers(-3, 3), (n, 3)) for n in sizes], numbers,
        charge=[draw(st.integers(-3, 3)) for _ in range(b)], ids=ids, energy=energy,
        forces=[rng.normal(0, 3, (n, 3)) for n in sizes] if with_forces else None,
        level=draw(st.sampled_from(["gfn1-xtb", "b97-3c@orca5", "dlpno-ccsd(t)/aug-cc-pvtz@orca5"]))
        if np.isfinite(energy).any() else "",
        columns=columns,
    )  # fmt: skip


def back(clusters: Clusters, ending: str) -> None:
    if ending == ".pkl":
        pytest.importorskip("pandas")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (f"crest_{ending}" if ending == "crest.xyz" else f"a{ending}")
        if ending == "crest.xyz":
            clusters = clusters.replace(forces=None)
            path = Path(folder) / "crest_a.xyz"
        write_any(clusters, path)
        again = read_any(path)
    np.testing.assert_array_equal(again.positions, clusters.positions)
    np.testing.assert_array_equal(again.numbers, clusters.numbers)
    np.testing.assert_array_equal(again.ptr, clusters.ptr)
    assert again.charge.tolist() == clusters.charge.tolist()
    assert again.ids.tolist() == clusters.ids.tolist()
    assert again.level == clusters.level
    np.testing.assert_allclose(again.energy, clusters.energy, rtol=4e-16, atol=1e-300)
    assert (again.forces is None) == (clusters.forces is None)
    if again.forces is not None:
        np.testing.assert_allclose(again.forces, clusters.forces, rtol=1e-15)
    assert sorted(again.columns) == sorted(clusters.columns)
    for name, values in clusters.columns.items():
        np.testing.assert_array_equal(again.columns[name], values, err_msg=name)


ENDINGS = [".npz", ".pkl", ".extxyz", ".xyz", ".db", "crest.xyz"]


@pytest.mark.parametrize("ending", ENDINGS)
@QUICK
@given(clusters=populations())
def test_what_is_written_reads_back_the_same(ending, clusters):
    back(clusters, ending)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS)
@LONG
@given(clusters=populations())
def test_what_is_written_reads_back_the_same_for_minutes(ending, clusters):
    back(clusters, ending)


_HOSTILE = st.text(st.sampled_from(list('ab=" \\{}[]1.,-:\n\tEH')) | _LETTERS, max_size=60)


@settings(QUICK, max_examples=300)
@given(text=_HOSTILE)
def test_any_comment_is_read(text):
    found, _ = pairs(text)
    assert all(isinstance(k, str) for k in found)


@settings(QUICK, max_examples=200)
@given(text=st.one_of(_HOSTILE, _HOSTILE.map(lambda t: "2\n" + t)))
def test_any_text_is_read_or_refused(text):
    try:
        found = list(frames("a.xyz", text))
    except SamplerError as error:
        assert "a.xyz" in str(error)
    else:
        assert all(f.positions.shape == (len(f.numbers), 3) for f in found)


def sources() -> list[bytes]:
    made = [p.read_bytes() for p in sorted(DATA.glob("*/*.*xyz"))]
    buffer = io.BytesIO()
    buffer.write((DATA / "09-ase-initial-charges" / "ion.db").read_bytes())
    return [*made, buffer.getvalue()]


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Cut, doubled, with lines exchanged or lost, or with other bytes."""
    kind = rng.randrange(6)
    lines = content.split(b"\n")
    if kind == 0:
        return content[: rng.randrange(len(content))]
    if kind == 1:
        return content + content[rng.randrange(len(content)) :]
    if kind == 2 and len(lines) > 2:
        i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[i], lines[j] = lines[j], lines[i]
    if kind == 3:
        del lines[rng.randrange(len(lines))]
    if kind == 4:
        i = rng.randrange(len(lines))
        lines.insert(i, lines[rng.randrange(len(lines))])
    if kind == 5:
        altered = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            altered[rng.randrange(len(altered))] = rng.randrange(256)
        return bytes(altered)
    return b"\n".join(lines)


def mutate(count: int, seed: int) -> None:
    rng, library = random.Random(seed), MonomerLibrary.load()
    every = sources()
    with tempfile.TemporaryDirectory() as folder:
        for k in range(count):
            content = damaged(rng.choice(every), rng)
            path = Path(folder) / f"{k}{'.db' if content.startswith(b'SQLite') else '.xyz'}"
            path.write_bytes(content)
            try:
                found = read_structures(path, library=library)
                assert np.isfinite(found.charge).all()
            except SamplerError as error:
                assert str(path) in str(error), error
            assert path.read_bytes() == content
            assert len(list(Path(folder).iterdir())) == 1
            path.unlink()


def test_damaged_files_are_read_or_refused():
    mutate(120, 1)


@pytest.mark.slow
def test_damaged_files_are_read_or_refused_for_minutes():
    mutate(2000, random.randrange(2**32))


def test_a_damaged_database_is_refused():
    """Bytes exchanged in a database: rows of strange types, tables that cannot be described."""
    content = (DATA / "09-ase-initial-charges" / "ion.db").read_bytes()
    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        for _ in range(60):
            altered = bytearray(content)
            for _ in range(40):
                altered[rng.randrange(100, len(altered))] = rng.randrange(256)
            path.write_bytes(altered)
            try:
                read_any(path)
            except SamplerError as error:
                assert str(path) in str(error)
            assert [p.name for p in Path(folder).iterdir()] == ["a.db"] and path.read_bytes() == altered
