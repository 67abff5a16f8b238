"""The page of the models that ship, from their cards."""

import tomllib

from .text import head, table

INTRODUCTION = """\
Trained PaiNN models, in `data/models`. What they are worth on structures that they were not trained on is
[measured](../evidence/models.md). Which composition takes which is decided by `data/models/recommended.toml`
([at home](../concepts/levels.md#which-level-a-run-ends-at)). A model is named with `--model NAME`; `sampler models` lists
short names, with errors. What a card holds: [PaiNN](../concepts/painn.md#models-on-disk)."""


def page() -> str:
    from sampler import resources

    folder = resources.path("data", "models")
    names = sorted(f.parent.name for f in folder.glob("*/card.toml"))
    cards = {name: tomllib.loads((folder / name / "card.toml").read_text(encoding="utf-8")) for name in names}
    rows = [
        [f"`{name}`", f"`{c['level']}`", f"`{c['base_level']}`" if c.get("base_level") else "", ", ".join(sorted(c["monomers"])),
         f"{c['architecture']['n_atom_basis']}, {c['architecture']['n_interactions']}",
         f"{c['architecture'].get('charge_width') or ''}", c["weights_sha256"][:8]]
        for name, c in cards.items()
    ]  # fmt: skip
    lines = [*head("Models", "the cards in `data/models`"), INTRODUCTION, ""]
    lines += table(
        ["name", "level", "correction to", "molecules", "features, interactions", "charges, Å", "weights"], rows
    )
    lines += ["", "## What the cards say", ""]
    for name, card in cards.items():
        lines += [f"### {name}", "", card.get("notes", "").strip(), "", f"Not for: {card['not_for']}.", ""]
    recommended = tomllib.loads((folder / "recommended.toml").read_text(encoding="utf-8"))["model"]
    lines += [
        "## At home",
        "",
        "The first of a kind that fits is taken: neutral clusters, of exactly these molecules or of any of them.",
        "",
    ]
    lines += table(
        ["for", "models", "molecules", "numbers differ by at most", "at least"], [_home(m) for m in recommended]
    )
    return "\n".join([*lines, ""])


def _home(entry: dict) -> list[str]:
    models = entry["options"]["model"]
    kind = "`auto:delta`" if entry.get("delta") else "`auto`" if entry["level"] == "b97-3c" else "`auto:gfn1-xtb`"
    molecules = ("any of " if entry.get("mixtures") else "exactly ") + ", ".join(entry["molecules"])
    molecules += f"; {' or '.join(entry['among'])} among them" if entry.get("among") else ""
    fewest = f"{entry['fewest_molecules']} molecules" if "fewest_molecules" in entry else ""
    return [kind, ", ".join(f"`{m}`" for m in ([models] if isinstance(models, str) else models)), molecules,
            str(entry.get("largest_difference", "")), fewest]  # fmt: skip
