"""Pickles: read whatever wrote them, and never run."""

import builtins
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from sampler import resources
from sampler.errors import FileFormatError
from sampler.interop import dataframe, read_any, read_population, unpickle, write_any
from sampler.monomers import MonomerLibrary
from sampler.units import HARTREE

FILES = sorted((Path(__file__).parents[1] / "data" / "pickles").glob("pandas-*.pkl"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_jkqc_pickles_of_all_pandas_versions(path):
    """Written by pandas 1.1 to 3.1, among them 1.3.4, which JKQC installs; the values are those in tests/data/pickles/make.py."""
    population = read_population(path)
    c = population.clusters
    assert c.ids.tolist() == ["1w-0", "1w-1", "1w-2"]
    assert c.numbers.tolist() == [8, 1, 1] * 3
    np.testing.assert_allclose(c.positions[3:6], [[0, 0, 0.11], [0.77, 0, -0.48], [-0.76, 0.02, -0.48]], atol=0)
    np.testing.assert_allclose(c.energy, np.array([-76.3982, -76.3981, np.nan]) * 27.211386245988, rtol=1e-14)
    np.testing.assert_allclose(c.forces[3], np.array([0.01, 0, 0.5]) * 27.211386245988, rtol=1e-14)
    assert np.isnan(c.forces[6:]).all()
    assert population.levels.tolist() == ["b97-3c@orca5"] * 3
    assert c.columns["log:termination"].tolist() == [1, 1, 0]
    assert c.columns["info:cluster_type"].tolist() == ["1w", "1w", ""]
    assert c.columns["log:vibrational_frequencies:json"][1] == "[-20.0, 3600.0, 3700.0]"
    np.testing.assert_allclose(c.columns["log:rotational_constant"], [1.5, 1.6, 2**0.5], rtol=1e-15)


def test_frame_is_read_as_pandas_reads_it(tmp_path):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            ("a", "float"): rng.normal(size=5),
            ("a", "int"): np.arange(5),
            ("b", "bool"): rng.random(5) < 0.5,
            ("b", "text"): ["x", "ü", "", "z" * 300, "1"],
            ("c", "list"): [[1.0, 2.0], [], [3], [4.5], [5]],
            ("c", "int8"): np.arange(5, dtype=np.int8),
            ("c", "big"): rng.normal(size=5).astype(">f8"),
        }
    )
    for part in (frame, frame.iloc[1:4], frame[[("c", "list"), ("a", "int")]], frame.reset_index(drop=True)):
        for protocol in (2, 3, 4, 5):
            path = tmp_path / f"{protocol}.pkl"
            part.to_pickle(path, protocol=protocol)
            columns, rows = dataframe.columns(unpickle.load(path))
            assert rows == len(part)
            assert list(columns) == list(part.columns)
            for name, values in columns.items():
                assert values == part[name].tolist(), name


class _Calls:
    """Pickles to a call of a function, as an attacker's does."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def test_the_attack_works_on_pickle_and_not_here(tmp_path):
    """The same file runs a shell command when pickle opens it: the test would notice."""
    mark, path = tmp_path / "mark", tmp_path / "db.pkl"
    path.write_bytes(pickle.dumps(_Calls(os.system, f"touch {mark}")))
    with pytest.raises(FileFormatError, match=r"refused: it wants to import posix\.system|refused.*nt\.system"):
        read_any(path)
    assert not mark.exists()
    pickle.loads(path.read_bytes())
    assert mark.exists()


@pytest.mark.parametrize(
    "module, name",
    [
        ("os", "system"), ("posix", "system"), ("subprocess", "Popen"), ("builtins", "eval"), ("builtins", "exec"),
        ("builtins", "__import__"), ("__builtin__", "eval"), ("importlib", "import_module"), ("pickle", "loads"),
        ("numpy.testing._private.utils", "runstring"), ("numpy.testing", "runstring"), ("numpy.f2py", "compile"),
        ("numpy", "load"), ("numpy", "fromfile"), ("numpy.core.multiarray", "fromfile"),
        ("numpy.distutils.exec_command", "exec_command"), ("numpy._core.multiarray", "_reconstruct.__globals__"),
        ("pandas", "read_pickle"), ("pandas", "eval"), ("pandas.io.pickle", "read_pickle"),
        ("pandas.core.computation.eval", "eval"), ("pandas.io.common", "get_handle"),
        ("ase.io", "read"), ("ase.calculators.calculator", "FileIOCalculator"), ("ase.calculators.emt", "EMT"),
        ("ase.utils", "import_module"), ("sampler.storage", "write_text"), ("collections", "OrderedDict.__reduce__"),
        ("operator", "attrgetter"), ("functools", "reduce"), ("copyreg", "__newobj__"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("protocol", [0, 4])
def test_names_off_the_list_are_refused(tmp_path, module, name, protocol):
    if protocol:
        text = b"".join(b"\x8c" + bytes([len(t)]) + t.encode() for t in (module, name))
        content = b"\x80\x04" + text + b"\x93\x8c\x04true\x85R."
    else:
        content = f"c{module}\n{name}\n(S'true'\ntR.".encode()
    path = tmp_path / "db.pkl"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="refused") as caught:
        read_any(path)
    assert f"{module}.{name}" in str(caught.value)


def test_allowed_names_do_nothing(tmp_path, monkeypatch):
    """getattr stands on the list, since ASE's calculators pickle it; what a pickle gets for it is a stand-in."""
    monkeypatch.setattr(builtins, "getattr_was_run", False, raising=False)
    path = tmp_path / "db.pkl"
    # getattr(getattr(set, "__class__"), "__subclasses__")(), the usual way out of a sandbox
    path.write_bytes(b"cbuiltins\ngetattr\n(cbuiltins\nset\nS'__class__'\ntRS'__subclasses__'\n\x86.")
    loaded = unpickle.load(path)
    assert isinstance(loaded[0], unpickle.Standin), loaded
    path.write_bytes(b"cbuiltins\ngetattr\n(cbuiltins\nset\nS'__class__'\ntR(tR.")  # its result is called
    with pytest.raises(FileFormatError, match="not a pickle"):
        unpickle.load(path)
    for ending in (b"(S'a'\nS'b'\ndb.", b"(dS'__class__'\nS'x'\nsb."):  # a state set on a class, not an instance
        path.write_bytes(b"cnumpy\nndarray\n" + ending)
        with pytest.raises(FileFormatError):
            unpickle.load(path)
    path.write_bytes(b"Pos\n.")  # persistent ids, extension codes
    with pytest.raises(FileFormatError, match="refused"):
        unpickle.load(path)


def test_no_names_are_imported(tmp_path):
    """Every name on the list becomes a stand-in, none the real thing."""
    for module, names in unpickle._PLACES.items():
        for name in names:
            path = tmp_path / "x.pkl"
            path.write_bytes(f"c{module}\n{name}\n.".encode())
            assert issubclass(unpickle.load(path), unpickle.Standin), (module, name)


@pytest.mark.parametrize("cut", [0, 1, 2, 10, 100, 1000, 3000, -1])
def test_truncated_pickles(tmp_path, cut):
    path = tmp_path / "db.pkl"
    path.write_bytes(FILES[0].read_bytes()[:cut])
    with pytest.raises(FileFormatError, match="db.pkl.*(empty|truncated)"):
        read_any(path)


def test_other_pickles_are_named(tmp_path):
    path = tmp_path / "db.pkl"
    path.write_bytes(pickle.dumps({"a": [1, 2]}))
    with pytest.raises(FileFormatError, match="it holds dict, not a pandas DataFrame"):
        read_any(path)
    path.write_bytes(pickle.dumps(np.arange(3)))
    with pytest.raises(FileFormatError, match="not a pandas DataFrame"):
        read_any(path)
    # an array whose type numpy would never write must not be made
    path.write_bytes(b"cnumpy\ndtype\n(S'V8,O'\ntR.")
    with pytest.raises(dataframe.NotUnderstood, match="V8,O"):
        dataframe.plain(unpickle.load(path))
    assert struct.calcsize("d") == 8


def test_written_pickles_are_as_public_ones(tmp_path):
    """Read by pandas: two levels of names, ASE atoms, Hartree and Hartree/Å."""
    pd = pytest.importorskip("pandas")
    clusters = read_any(FILES[0])
    path = tmp_path / "out.pkl"
    assert write_any(clusters, path) == "jkqc"
    for name in (b"numpy._core", b"_unpickle_block", b"StringDtype"):  # pandas 1.3.4 and numpy 1.21 of JKQC lack them
        assert name not in path.read_bytes(), name
    frame = pd.read_pickle(path)
    theirs = pd.read_pickle(FILES[1]) if pd.__version__ < "2" else None
    assert frame.columns.nlevels == 2
    assert all(dtype.kind in "Oif" for dtype in frame.dtypes), frame.dtypes
    np.testing.assert_allclose(frame["log"]["electronic_energy"].astype(float), clusters.energy / HARTREE, rtol=1e-15)
    atoms = frame.loc[1, ("xyz", "structure")]
    assert type(atoms).__module__ == "ase.atoms"
    np.testing.assert_array_equal(atoms.positions, clusters.positions[3:6])
    np.testing.assert_allclose(np.array(frame["extra"]["forces"][1]), clusters.forces[3:6] / HARTREE, rtol=1e-15)
    assert frame["info"]["components"][0] == ["w"]
    assert frame["log"]["vibrational_frequencies"][1] == [-20.0, 3600.0, 3700.0]
    assert theirs is None or set(theirs.columns) <= set(frame.columns) | {("xyz", "id1")}


def test_molecules_of_ones_own_are_named_with_their_library(tmp_path):
    """1hio31am is one hio3 and one am where hio3 is a molecule, not one hio and 31 am."""
    pd = pytest.importorskip("pandas")
    text = (
        (resources.path("data", "monomers") / "nta.toml")
        .read_text()
        .replace('"nta"', '"hio3"')
        .replace('"HNO3"', '"X"')
    )
    (tmp_path / "hio3.toml").write_text(text)
    library = MonomerLibrary.load([tmp_path / "hio3.toml"])
    one = read_any(FILES[0])[:1].replace(ids=["1hio31am-0"], columns={})
    write_any(one, tmp_path / "out.pkl", library=library)
    info = pd.read_pickle(tmp_path / "out.pkl")["info"]
    assert info["components"][0] == ["hio3", "am"] and info["component_ratio"][0] == [1, 1]


@pytest.mark.parametrize(("kind", "told"), [(np.float32, True), (np.float64, False)])
def test_energies_in_single_precision_are_said(tmp_path, kind, told):
    pd = pytest.importorskip("pandas")
    from ase import Atoms

    water = Atoms("OH2", [(0, 0, 0), (0, 0.76, 0.5), (0, -0.76, 0.5)])
    frame = pd.DataFrame({"a": [water] * 2, "b": np.array([-3030.1234567, -3030.1200001], kind)})
    frame.columns = pd.MultiIndex.from_tuples([("xyz", "structure"), ("log", "electronic_energy")])
    frame.to_pickle(tmp_path / "a.pkl")
    notes = read_population(tmp_path / "a.pkl").notes
    # the spacing of single precision at 3030 Hartree is 2.4e-4 Hartree
    assert [n for n in notes if "single precision, rounded by up to 0.077 kcal/mol" in n] == list(notes)[: int(told)]
    assert bool(notes) == told
