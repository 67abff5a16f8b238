// The data of the page, unpacked: what packed.py wrote.
const told = JSON.parse(byId("data").textContent);

function coordinates(packed, step) {
  const text = atob(packed.at), bytes = Uint8Array.from(text, (c) => c.charCodeAt(0)), view = new DataView(bytes.buffer);
  const size = packed.bits / 8, out = new Float64Array(bytes.length / size);
  for (let i = 0; i < out.length; i += 1) out[i] = (size === 2 ? view.getInt16(2 * i, true) : view.getInt32(4 * i, true)) * step;
  return out;
}

const grouped = (flat, size) => Array.from({ length: flat.length / size }, (_, i) => flat.slice(size * i, size * (i + 1)));

function unpacked(all) {
  return all.list.map((packed, index) => {
    const molecules = all.molecules[packed.molecules];
    let at = null;
    return {
      ...packed,
      index,
      symbols: all.symbols[packed.symbols],
      bonds: grouped(all.bonds[packed.bonds], 2),
      hydrogenBonds: grouped(packed.hydrogen_bonds, 3),
      names: molecules.names,
      owner: molecules.owner,
      get at() { return at || (at = coordinates(packed, all.step_A)); },
    };
  });
}

const structures = told.structures ? unpacked(told.structures) : [];
const stateNames = [...new Set(structures.map((s) => s.state_label))];
structures.forEach((s) => { s.stateNumber = stateNames.indexOf(s.state_label); });

// "O4 of HSO₄⁻"
const atomName = (s, i) => `${s.symbols[i]}${i + 1}`;
const moleculeName = (s, i) => (s.owner[i] < 0 ? "" : s.names[s.owner[i]]);
