"""Makes a small pickle as JKQC does: python make.py FILE [PROTOCOL].

The files beside it were made with pandas 1.1.5 (numpy 1.19, ASE 3.20), 1.3.4 (numpy 1.21, ASE 3.22), 1.5.3 (numpy 1.23, ASE 3.22), 2.2.3 (numpy 1.26,
ASE 3.23) and 3.1.1 (numpy 2.4, ASE 3.29).
"""

import sys

import numpy as np
import pandas as pd
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

a = Atoms("OH2", [[0, 0, 0.1], [0.76, 0, -0.48], [-0.76, 0, -0.48]])
b = Atoms("OH2", [[0, 0, 0.11], [0.77, 0, -0.48], [-0.76, 0.02, -0.48]])
b.info["x"] = 1
b.calc = SinglePointCalculator(b, energy=-1.0)
c = a.copy()
nan = float("nan")
dic = {
    ("info", "folder_path"): ["/x/", "/x/", "/y/"],
    ("info", "file_basename"): ["1w-0", "1w-1", "1w-2"],
    ("info", "cluster_type"): ["1w", "1w", nan],
    ("info", "components"): [["w"], ["w"], nan],
    ("info", "component_ratio"): [[1], [1], nan],
    ("xyz", "structure"): [a, b, c],
    ("xyz", "id1"): ["abc", "abd", "abe"],
    ("log", "program"): ["ORCA_5.0.3"] * 3,
    ("log", "method"): ["!_B97-3c_ENGRAD"] * 3,
    ("log", "termination"): [1, 1, 0],
    ("log", "charge"): [0, 0, 0],
    ("log", "multiplicity"): [1, 1, 1],
    ("log", "electronic_energy"): [-76.3982, -76.3981, nan],
    ("log", "vibrational_frequencies"): [[1600.0, 3600.0, 3700.0], [-20.0, 3600.0, 3700.0], nan],
    ("log", "rotational_constant"): [np.float64(1.5), np.float64(1.6), np.sqrt(2.0)],
    ("extra", "forces"): [
        [np.array([0.01, 0, 0]), np.array([-0.01, 0, 0]), np.array([0.0, 0, 0])],
        [np.array([0.01, 0, 0.5]), np.array([-0.01, 0, 0]), np.array([0.0, 0, -0.5])],
        nan,
    ],
}
df = pd.DataFrame(dic, index=range(3))
df.to_pickle(sys.argv[1], **({"protocol": int(sys.argv[2])} if len(sys.argv) > 2 else {}))
