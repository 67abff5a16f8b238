"""The vocabulary of ORCA inputs: what changes an energy, and what does not.

Of the manual of ORCA 6 (https://orca-manual.mpi-muelheim.mpg.de) and of earlier ones.
"""

from __future__ import annotations

import re

KINDS = ("method", "dispersion", "gcp", "basis", "auxiliary", "integrals", "relativistic", "solvent", "pno", "core",
         "grid", "reference", "other", "unknown")  # fmt: skip

# Run types, convergence, guesses, printing, analyses, symmetry, memory: another course, the same energy.
_NEUTRAL = frozenset(
    """
    sp energy engrad energygrad freq anfreq numfreq numgrad md irc neb neb-ts neb-ci neb-idpp zoom-neb-ts zoom-neb-ci
    fast-neb-ts loose-neb-ts tight-neb-ts scants goat goat-coarse goat-diversity goat-entropy goat-explore goat-react
    goat-ts printthermochem propertiesonly enmgrad calcesthess calchess nearir vpt2 mt nmscan eda autofrag numnac
    rigidbodyopt docker quickdock normaldock completedock screendock solvator surfcrossopt surfcrossnumfreq
    mecp-numfreq esd inhess
    nousesym usesym nosym nosymmetry usesymmetry nousesymmetry used2 usec2v preferd2 preferc2v
    noautostart autostart moread patom pmodel pmodelx pmodelxav pmodelxpm hcore hueckel ehtano unitmatrixguess
    calcguessenergy symbreakguess xyzfile pdbfile allxyz angs bohrs bohr keepdens keepdensity nokeepdens nokeepdensity
    keepints nokeepints keepfock nokeepfock readints noreadints keeptransdensity keeprespdensity conv direct semidirect
    libint nolibint shark useshark noshark nouseshark xcfun noxcfun usegramschmidt allowrhf noallowrhf mass2016 rescue
    paf uco nouco uno nouno scfstab noscfstab stabperform nofrozenc
    miniprint smallprint normalprint largeprint printbasis printmos noprintmos nomoprint printgap scfsolvertime gridprint
    nopropfile xyz
    slowconv veryslowconv normalconv easyconv 3conv soscf nososcf kdiis nokdiis diis nodiis aodiis noaodiis trah notrah
    autotrah noautotrah kdiistrah diistrah aodiistrah notrahrandomize nrscf ahscf gmf damp nodamp lshift nolshift
    scfcheckgrad nosloppyscfcheck sloppyscfcheck useincremental noincremental scflbfgs scflbofill scflpowell scflsr1
    aim aimall allpop nopop reducedpop noreducedpop chelpg chelpg(large) resp hirshfeld nohirshfeld mulliken nomulliken
    loewdin noloewdin mayer nomayer mbis nombis npa nonpa nbo nonbo noaim fmopop fmopopulations nofmopop
    nofmopopulations densityanalysis bpop led adld nmr eprnmr g-tensor gtensor raman polar hyperfine dipole quadrupole
    elprop popdisp iao-iboba iboba loc fod fodmw
    clusterall cosxclusterall nofinalgrid nofinalgridx nocosxgrid
""".split()
)
_NEUTRAL_PATTERN = re.compile(
    r"pal\d+(\(.*\))?|.*scf|scfconv\d+|(final)?gridx?\d+|intacc[\d.]*|(.*[-/]?)?opt(h|s|\(.*\))?|optts(\(.*\))?"
    r"|dock(er)?\(.*\)|esd\(.*\)|avas\(.*\)|solvator\(.*\)|irc.*|printlevel.*|xyz.*"
)
_NOT_OPTIMISERS = frozenset(("extopt",))

_DISPERSION = frozenset(
    "d2 d3 d3bj d3zero d3tz d4 nl scnl abc nod2 nod3 nod4 novdw vdw06 vdw10 vdw10bj vdwgrad".split()
)
_INTEGRALS = frozenset(
    """
    ri nori rijcosx nocosx rijk rijonx rijdx ri-bupo/j nobupo rijcosjx ricosj ricosjx riao rijxc splitj splitrij
    nosplitrij rijksinglesfock rcsinglesfock cosjxc usesfitting nosfitting fmm cheapints nocheapints
""".split()
)
_RELATIVISTIC = re.compile(
    r"(iora|zora|ioramm)(/ri)?|dkh\d?|x2c|dlu-x2c|nesc|rel1c|reldlu|relfull|dboc|nodboc|.*somf.*|.*-soc"
)
_SOLVENT = re.compile(
    r"(c-?pcmx?|cpcmc?|smd|alpb|ddcosmo|cpcmx|cosmo|cosmors|gbsa|draco|ecrism)(\(.*\))?|smd18|cosmo.*"
)
_PNO = re.compile(r"(loose|normal|tight|verytight)pno.*|pnoextrapolation.*|tcut\w+")
_CORE = frozenset("frozencore nofrozencore frozencorewindow fc_none".split())
_GRID = re.compile(r"defgrid\d|refgrid|rotinvgrid")
_REFERENCE = frozenset("rhf uhf rks uks rohf roks".split())
_OTHER = frozenset(
    """
    decontract decontractbas uncontract uncontractbas noanobasis anobasis smear fracocc deltascf noiter qmmm scalepc bs
    doeq noeq
""".split()
)
_AUXILIARY = re.compile(r".*/(j|jk|c|jksmall)|.*-(cabs|optri|mp2fit)|autoaux(trim)?|(de|un|node|noun)contractaux.*")
_BASIS = re.compile(
    r"(ma-|zora-|dkh-|sarc2?-|x2c-|iora-|old-|heavy-|m)*(def2?-|dhf-|cc-p|aug-|jun-|jul-|may-|apr-|maug-|ano|bnano|nasa|"
    r"sapporo|tzv|qzv|sv(p|\(|$)|dz(p|$)|tz(p|$))|(zora|dkh|sarc2?|x2c)-.*|6-31|3-21|4-22|4-31|sto-|(aug-)?pcs?(seg|sseg|h|j|x)"
    r"|(aug-)?pc(-|j|x|h)|d95|mini(s|x)?(\(|$)|midix?|lanl|sdd|ahgbs|hgbs|epr-|iglo-|partridge|wachters|crenbl|cp(\(|$)|"
    r"vdzp|def2?-?ecp|defecp|def2-sd|hav|dgauss|saug|ugbs|w0|extrapolate|.*-ecp$|g3-|ldbs|ccj-|sk-mcdhf|haywadt|.*cc-pv"
)
_PREFIX = re.compile(
    r"^(?:ri-|oo-|oori-|dlpno-|lpno-|bt-pno-|pno-|iter-|iterative-|autoci-|scs[-/]|sos-|fic-|sc-|qd-|lc-|lrc-|qm/|f12-|"
    r"f12/|ro-|cim-|kpr|semi-|c-)"
)
_SUFFIX = re.compile(
    r"(?:-f12d?(/ri)?|/ri|-d2|-d3(bj|\(bj\)|zero)?|-d4(rev)?|-v|_?/?g|21|/2021|_0|\(tqz\)|-3c|\(full\))$"
)
_FUNCTIONALS = frozenset(
    """
    b1lyp b1p b1p86 b1pbe b1pw b1pw91 b2gp-plyp b2k-plyp b2plyp b2t-plyp b2nc-plyp b3lyp b3p b3p86 b3pbe b3pw b3pw91 b97
    b97m b97m-d3bj bhandhlyp bhlyp blyp bnull bp bp86 bpbe bpw bpw91 bvwn cam-b3lyp dsd-blyp dsd-pbeb95 dsd-pbep86
    g1lyp g1p g3lyp g3p glyp gp hflda hfs pr2scan50 pr2scan69 wpr2scan50 lb94 lc-blyp lc-pbe lda lsd m05 m052x m06
    m06l m062x m06-l m06-2x mpw1lyp mpw1pw mpw2plyp mpwlyp mpwpw o3lyp olyp opbe pbe pbe-qidh pbe0 pbe0-2 pbe0-dh pbeh
    pw1pw pw6b95 pw86pbe pw91 pwlda pwp pwp1 pwpb95 r2scan r2scan0 r2scan0-2 r2scan0-dh r2scan-cidh r2scan-qidh r2scan50
    r2scanh revdod-pbep86 revdsd-pbep86 revpbe revpbe0 revpbe38 revtpss rpbe rpw86pbe rscan rsx-0dh rsx-qidh scanfunc
    scan tpss tpss0 tpssh vwn vwn3 vwn5 wb2gp-plyp wb2plyp wb88pp86 wb97 wb97x wb97x-2 wb97m wb97m(2) wpbepp86 wr2scan
    x3lyp xalpha xlyp s12g kmlyp wpbeh wr2scan50 lc-wpbe gfhf
""".split()
)
_WAVEFUNCTION = re.compile(
    r"(ri-?)?(mp2|mp3|mp4|mp2\.5|scs-?mp[23]|mp4\(sdq\)|bd|ccd|ccsd|ccsd\(t1?\)|ccsdt|ccsd\(2\)|cc2|cc3|cisd|cisd\(t\)|"
    r"qcisd|qcisd\(t\)|cepa[-/]?\w*|ncepa[-/]?\w*|ncpf[-/]?\w*|cpf[-/]?\w*|vcpf\w*|nevpt2|caspt2k?|casscf|mrci\S*|mraqcc|mracpf|"
    r"sorci|ddci\S*|mrdd\S*|fci|dmrg|steom-\S*|eom-\S*|ip-eom\S*|ea-eom\S*|adc2|ccsd\(t\)_\S*|rpa|drpa|mr-eom\S*|acpf|aqcc|"
    r"nacpf|omp2|rimp2|rocis|ice-ci|fic-\S*|hci|asci)"
)
_SEMIEMPIRICAL = re.compile(
    r"(native-)?(gfn[012]?-?xtb\d?|gfn-?ff|xtb\d?|xtbff)|am1|pm3|mndo|cndo/\d|indo/\d|nddo/.*|zindo/.*|znddo/.*|zndo/.*|mm|"
    r"surff|extopt"
)


def kind(word: str) -> str:
    """What a keyword (lower case) is: one of :data:`KINDS`, or ``neutral``."""
    for name, known in _ORDER:
        if known(word):
            return name
    return "unknown"


def functional(word: str) -> bool:
    """Whether a word is a density functional, a composite method of one, or made of one."""
    base = word
    while True:
        if base in _FUNCTIONALS:
            return True
        shorter = _PREFIX.sub("", _SUFFIX.sub("", base))
        if shorter == base:
            return False
        base = shorter


def correlated(word: str) -> bool:
    """Whether a word is a wavefunction method beyond Hartree-Fock (double hybrids included)."""
    base = _PREFIX.sub("", _PREFIX.sub("", _SUFFIX.sub("", word)))
    if _WAVEFUNCTION.fullmatch(base) or _WAVEFUNCTION.fullmatch(word):
        return True
    return functional(word) and bool(
        re.search(r"plyp|dsd|dod|qidh|0-2|-dh|0dh|pp86|wb97x-2|m\(2\)|pr2scan|pwpb95|cidh", word)
    )


def semiempirical(word: str) -> bool:
    """Whether a word is a method that has its own repulsion of cores."""
    return bool(_SEMIEMPIRICAL.fullmatch(word))


def _auxiliary_that_matters(word: str) -> bool:
    return bool(_AUXILIARY.fullmatch(word))


def _neutral(word: str) -> bool:
    if word in _NEUTRAL or (_NEUTRAL_PATTERN.fullmatch(word) and word not in _NOT_OPTIMISERS):
        return True
    # the Coulomb and exchange fits: universal, and their error cancels
    return bool(re.fullmatch(r".*/(j|jk|jksmall)|(no)?(de|un)contractaux.*|no(de|un)contract(bas|cabs)?", word))


def _method(word: str) -> bool:
    return word == "hf" or functional(word) or correlated(word) or semiempirical(word) or word == "hf-3c"


_ORDER = (
    ("dispersion", _DISPERSION.__contains__),
    ("core", _CORE.__contains__),
    ("reference", _REFERENCE.__contains__),
    ("integrals", _INTEGRALS.__contains__),
    ("other", _OTHER.__contains__),
    ("method", _method),
    ("gcp", lambda w: w.startswith("gcp")),
    ("pno", lambda w: bool(_PNO.fullmatch(w))),
    ("grid", lambda w: bool(_GRID.fullmatch(w))),
    ("neutral", _neutral),
    ("solvent", lambda w: bool(_SOLVENT.fullmatch(w))),
    ("relativistic", lambda w: bool(_RELATIVISTIC.fullmatch(w))),
    ("auxiliary", _auxiliary_that_matters),
    ("basis", lambda w: bool(_BASIS.match(w))),
)

# ---- blocks ----------------------------------------------------------------------------------------------------------

NEUTRAL_BLOCKS = frozenset(
    """
    pal maxcore output geom freq base moinp coords elprop eprnmr plots neb md irc goat docker solvator nbo chelpg
    compound paras esd sym symmetry loc id shark xes conical vpt2 fmopop mecp numgrad iao scratch license
""".split()
)
"""Blocks of geometries, properties and printing."""

_VALUE = r"\b[ \t=]+(\"[^\"]*\"|\S+)"
SETTINGS: dict[str, tuple[tuple[str, str], ...]] = {
    "method": (("\\bfunctional" + _VALUE, "{}"), ("\\bmethod" + _VALUE, "{}")),
    "basis": (("\\bbasis" + _VALUE, "{}"), ("\\bauxc" + _VALUE, "{}"), ("\\bcabs" + _VALUE, "{}"),
              ("\\baux[jk]*" + _VALUE, "{}")),
    "cpcm": ((r"\bsmdsolvent" + _VALUE, "smd({})"), (r"\bsmd[ \t=]+(?:true|on)\b()", "smd"),
             (r"\bsolvent" + _VALUE, "cpcm({})")),
}  # fmt: skip
"""Settings that say the same as a keyword does: pattern of block content, and the keyword."""

KNOWN_BLOCKS = frozenset((*SETTINGS, "scf", "mdci", "mp2", "rel", "tddft", "cis", "casscf", "xtb"))

_SCF = """maxiter convergence conv tole told tolrmsp tolmaxp tolerr tolg tolx thresh tcut convcheckmode convforced guess
    guessmode moinp autostart maxdisk maxintmem directresetfreq directreset damp dampfac dampmin dampmax damperr
    cnvdamp cnvshift cnvdiis cnvsoscf cnvkdiis cnvrico cnvzerner shift shift erroff lshift levelshift diismaxeq
    diisstart diismaxit diisbfac soscfstart soscfmaxit soscfmaxstep soscfwritegrad autotrah autotrahtol autotrahiter
    autotrahniter trah keepdens rotate stabperform stabrestartuhfifunstable stabnroots stabmaxdim stabmaxiter stabntrial
    stabdtol stabrtol stablambda stabeguess printlevel print useincremental ignoreconv nopop scfmode readints keepints
    usethreshconv bfcut deltad useuno docheckgrad maxcore scfconvergence nrmaxit nrstart
    maxnr"""
_NEUTRAL_SETTINGS: dict[str, frozenset[str]] = {
    "scf": frozenset(_SCF.split()),
    "method": frozenset("runtyp printlevel usesymm allowrhf writegradient ri".split()) - {"ri"},
    "basis": frozenset("printlevel print prtbasis".split()),
    "cpcm": frozenset("printlevel print".split()),
    "mdci": frozenset("maxiter stol lshift maxdiis printlevel density incore maxcore maxcorework maxcoreintamp "
                      "print localize".split()),
    "mp2": frozenset("maxcore printlevel density natorbs natorb q1opt fcut".split()) - {"fcut"},
    "tddft": frozenset("maxdim maxiter printlevel tprint maxcore etol rtol".split()),
    "cis": frozenset("maxdim maxiter printlevel tprint maxcore etol rtol".split()),
}  # fmt: skip
_SUB_BLOCKS = {"scf": ("shift", "soscf", "rotate", "diis", "trah")}


def without_neutral(block: str, body: str) -> str:
    """What is left of the content of a block without settings that change no energy; on one line, in lower case."""
    body = re.sub(r"print\[.*?\][ \t=]*\S*", " ", body, flags=re.I)
    for name in _SUB_BLOCKS.get(block, ()):
        body = re.sub(
            rf"\b{name}\b(?![ \t=]+(?:true|false|on|off|[-\d.]+\s*(?:\n|$))).*?\bend\b", " ", body, flags=re.I | re.S
        )
    neutral = _NEUTRAL_SETTINGS.get(block, frozenset())
    rest, skip = [], False
    for token in re.findall(r'"[^"]*"|[^\s=,]+', body.lower()):
        if skip:
            skip = False
        elif token in neutral:
            skip = True
        else:
            rest.append(token)
    return " ".join(rest)
