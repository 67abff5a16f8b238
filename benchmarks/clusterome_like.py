"""What the harvested GFN1-xTB labels hold of a set like Clusterome: up to four acids and bases, no water, no charge.

python benchmarks/label_farm merge FOLDER
python benchmarks/clusterome_like.py FOLDER/gfn1-xtb.npz -o clusterome.npz
"""

import argparse
import re
from pathlib import Path

import numpy as np

from sampler.learn.labels.dataset import LabelSet

KINDS = {"sa", "msa", "nta", "fa", "am", "ma", "dma", "tma", "eda"}  # those of docs/guides/databases.md
LARGEST = 4


def belongs(composition: str) -> bool:
    counts = re.findall(r"(\d+)([a-z]+)", composition)
    return {kind for _, kind in counts} <= KINDS and sum(int(n) for n, _ in counts) <= LARGEST


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, help="merged labels (.npz)")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    labels = LabelSet.load(args.labels)
    kept = labels.subset(np.array([belongs(composition) for composition in labels.compositions]))
    kept.save(args.out)
    print(f"{len(kept)} of {len(labels)} labels, {len(np.unique(kept.compositions))} compositions, in {args.out}")


if __name__ == "__main__":
    main()
