"""Names of levels of theory: everything that changes an energy is in them, nothing else is, nothing is dropped unsaid."""

import pytest

from sampler.refine.orca.naming import level, level_and_remarks, linked


def _of(text, version="5.0.4"):
    from sampler.refine.orca import source

    return level_and_remarks(list(source.keywords(text)), version, text)


SAME = {
    "b97-3c@orca5": (
        "! B97-3c", "! B97-3c TightSCF Opt Freq", "!B97-3C NoPop MiniPrint", "! B973c Hirshfeld CHELPG NBO Mayer",
        "! B97-3c Grid4 FinalGrid5 NoFinalGrid", "! B97-3c DefGrid2 RI", "! b97-3c # DefGrid3 D4 #\n! pal8",
        "! B97-3c\n%scf maxiter 500 Convergence Tight end\n%maxcore 3000\n%pal nprocs 8 end\n%geom MaxIter 40\nCalc_Hess true\nend",
        "! B97-3c\n%output Print[ P_Basis ] 2\n Print[ P_MOs ] 1 end\n* xyz 0 1\nO 0 0 0\n*\n", "! B97-3c KeepDens PrintBasis UseSym",
        "! B97-3c ! VeryTightOpt NumFreq SlowConv KDIIS SOSCF",
    ),
    "dlpno-ccsd(t)/cc-pvtz@orca5": (
        "! DLPNO-CCSD(T) cc-pVTZ cc-pVTZ/C TightSCF", "! RHF DLPNO-CCSD(T) cc-pVTZ/C cc-pVTZ FrozenCore",
        "! HF DLPNO-CCSD(T) cc-pVTZ cc-pVTZ/C\n%mdci MaxIter 100 end",
        "! DLPNO-CCSD(T) cc-pVTZ cc-pVTZ/C LED ReducedPop def2/J NoRI",
    ),
    "wb97x-d3/def2-tzvppd@orca5": ("! wB97X-D3 def2-TZVPPD def2/J RIJCOSX TightSCF", "! def2-TZVPPD wB97X-D3"),
    "b3lyp-d3bj/def2-svp/smd(water)@orca5": (
        '! B3LYP D3 def2-SVP CPCM\n%cpcm smd true SMDsolvent "Water" end', "! def2-SVP B3LYP D3BJ SMD(water)",
    ),
    "pbe0/def2-svp/cpcm(ethyl acetate)@orca5": ("! PBE0 def2-SVP CPCM(Ethyl Acetate)",),
    "hf/def2-svp@orca5": ("! def2-SVP", "! RHF def2-SVP", "! HF def2-SVP NoRI", "! UHF def2-SVP"),
    "tpssh/def2-tzvp@orca5": ('! def2-TZVP\n%method\n  Functional TPSSh\nend', '! TPSSh\n%basis Basis "def2-TZVP" Aux "def2/J" end'),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, texts in SAME.items() for t in texts])
def test_what_changes_no_energy_is_no_part_of_the_level(name, text):
    found, remarks = _of(text)
    assert found == name and not remarks


DIFFERENT = (
    "! DLPNO-CCSD(T) cc-pVTZ cc-pVTZ/C", "! DLPNO-CCSD(T) cc-pVTZ cc-pVTZ/C VeryTightPNO", "! CCSD(T) cc-pVTZ",
    "! DLPNO-CCSD(T) cc-pVTZ cc-pVTZ/C TightPNO", "! DLPNO-CCSD(T) cc-pVTZ cc-pVTZ/C NormalPNO",
    "! DLPNO-CCSD(T1) cc-pVTZ cc-pVTZ/C", "! DLPNO-CCSD(T) cc-pVTZ cc-pVTZ/C NoFrozenCore",
    "! DLPNO-CCSD(T) cc-pVTZ aug-cc-pVTZ/C", "! DLPNO-CCSD(T) cc-pVTZ AutoAux", "! DLPNO-CCSD(T) aug-cc-pVTZ aug-cc-pVTZ/C",
    "! DLPNO-CCSD(T) cc-pVTZ cc-pVTZ/C\n%mdci TCutPNO 1e-8 end", "! DLPNO-CCSD(T) cc-pVTZ cc-pVTZ/C RIJCOSX",
    "! DLPNO-CCSD(T) cc-pVTZ cc-pVTZ/C DKH", "! DLPNO-CCSD(T) Extrapolate(3/4,cc)", "! DLPNO-CCSD(T)-F12 cc-pVTZ-F12 cc-pVTZ/C",
    "! B3LYP def2-SVP", "! B3LYP D3 def2-SVP", "! B3LYP D4 def2-SVP", "! B3LYP D3ZERO def2-SVP", "! B3LYP/G def2-SVP",
    "! B3LYP def2-TZVP", "! B3LYP ma-def2-TZVP", "! B3LYP def2-SVP gCP(DFT/SVP)", "! B3LYP def2-SVP CPCM(water)",
    "! B3LYP def2-SVP CPCM(toluene)", "! B3LYP def2-SVP SMD(water)", "! B3LYP def2-SVP ZORA", "! B3LYP def2-SVP DefGrid3",
    "! B3LYP def2-SVP DefGrid1", "! B3LYP def2-SVP NoCOSX", "! B3LYP def2-SVP NoRI", "! B3LYP def2-SVP RIJK",
    "! ROKS B3LYP def2-SVP", "! B3LYP def2-SVP Decontract", "! B3LYP def2-SVP\n%method SpecialGridAtoms 16\nSpecialGridIntAcc 7\nend",
    '! B3LYP def2-SVP\n%basis NewGTO S "def2-TZVP" end end', "! B3LYP def2-SVP\n%scf EField 0.0, 0.0, 0.01 end",
    "! B3LYP def2-SVP\n%scf BrokenSym 1,1 end", "! B3LYP def2-SVP\n%cpcm epsilon 80 end",
    "! B3LYP def2-SVP\n%method ScalHFX 0.25 end", '! B3LYP def2-SVP\n%pointcharges "pc.pc"', "! B3LYP def2-SVP\n%tddft IRoot 1 end",
    "! B3LYP def2-SVP Smear", "! B97-3c", "! r2SCAN-3c", "! wB97X-3c", "! HF-3c", "! PBEh-3c", "! B97-D3 def2-SVP",
    "! wB97X-V def2-SVP", "! wB97M-V def2-SVP", "! XTB", "! GFN1-xTB", "! MP2 def2-SVP", "! RI-MP2 def2-SVP def2-SVP/C",
    "! DLPNO-MP2 def2-SVP def2-SVP/C", "! SCS-MP2 def2-SVP", "! B2PLYP def2-SVP def2-SVP/C", "! M062X def2-SVP",
    "! PW91 def2-SVP", "! revDSD-PBEP86-D4/2021 def2-SVP def2-SVP/C",
)  # fmt: skip


def test_what_changes_the_energy_is_a_level_of_its_own():
    names = {text: _of(text)[0] for text in DIFFERENT}
    seen = {}
    for text, name in names.items():
        assert name not in seen, f"{text!r} and {seen[name]!r} are both {name}"
        seen[name] = text
    blocks = [t for t in DIFFERENT if "%" in t and "functional" not in t]
    assert all(_of(t)[1] for t in blocks), "a setting of a block that stays in the level is said"
    assert not any(_of(t)[1] for t in DIFFERENT if "%" not in t), "these keywords are known"


def test_unknown_words_stay_and_are_said():
    found, remarks = _of("! B97-3c Fnord TightSCF")
    assert found == "b97-3c-fnord@orca5" and "'fnord' is not known" in remarks[0]


def test_order_of_words_makes_no_level():
    assert _of("! D4 def2-QZVPP TPSSh")[0] == _of("! TPSSh D4 def2-QZVPP")[0] == "tpssh-d4/def2-qzvpp@orca5"


def test_defaults_of_versions():
    """ORCA approximates exchange unasked since version 5."""
    assert _of("! B3LYP def2-SVP RIJCOSX", "4.2.1")[0] == "b3lyp/def2-svp/rijcosx@orca4"
    assert _of("! B3LYP def2-SVP RIJCOSX", "6.0.1")[0] == _of("! B3LYP def2-SVP", "6.0.1")[0] == "b3lyp/def2-svp@orca6"


def test_long_settings_are_told_apart():
    first = (
        "! B3LYP def2-SVP\n%basis\n" + "\n".join(f'NewGTO {e} "def2-TZVP" end' for e in ("S", "O", "N", "C")) + "\nend"
    )
    second = first.replace('NewGTO C "def2-TZVP"', 'NewGTO C "def2-QZVP"')
    assert _of(first)[0] != _of(second)[0] and "newgto c" in _of(first)[1][0]


def test_linked_levels():
    assert linked("a@orca5", "b@orca5") == "a@orca5//b@orca5" and linked("a@orca5", "a@orca5") == "a@orca5"
    assert linked("", "b@orca5") == linked("a@orca5", "") == ""
    assert level([], "5.0.4") == "" and level(["B97-3c"], "") == ""


def test_how_to_add_monomers_of_such_levels():
    from sampler.levels import how_to_add

    said = how_to_add("tpssh-d4/def2-qzvpp@orca5//r2scan-3c@orca5", ["sa", "am"])
    assert "sampler label" not in said and "SAMPLER_LEVELS" in said and "sa, am" in said
    assert "sampler label --references sa --level b97-3c@orca5" in how_to_add("b97-3c@orca5", ["sa"])
