// How far the molecules of the structure shown are from each other: their centres of mass, and their nearest atoms.
const DISTANCE_COLUMNS = [["from", "text"], ["to", "text"], ["centres of mass Å", "number"], ["nearest atoms", "text"], ["Å", "number"]];

function centreOfMass(s, atoms) {
  const c = [0, 0, 0];
  let whole = 0;
  for (const i of atoms) {
    const mass = told.structures.masses[s.symbols[i]] || 0;
    whole += mass;
    for (let k = 0; k < 3; k += 1) c[k] += mass * s.at[3 * i + k];
  }
  return c.map((x) => x / whole);
}

function nearestAtoms(s, one, other) {
  let best = [one[0], other[0]], least = Infinity;
  for (const i of one) for (const j of other) {
    const apart = distance(s.at, i, j);
    if (apart < least) { least = apart; best = [i, j]; }
  }
  return { pair: best, apart: least };
}

function moleculeDistances(s) {
  const molecules = s.names.map(() => []), found = [];
  s.owner.forEach((k, i) => { if (k >= 0) molecules[k].push(i); });
  const centres = molecules.map((atoms) => centreOfMass(s, atoms));
  for (let a = 0; a < molecules.length; a += 1) for (let b = a + 1; b < molecules.length; b += 1) {
    found.push({ a, b, centres: norm(minus(centres[a], centres[b])), ...nearestAtoms(s, molecules[a], molecules[b]) });
  }
  return found.sort((one, other) => one.centres - other.centres);
}

function distanceTable(choosePair) {
  const table = byId("distances"), head = element("tr", {}), box = table.closest("details");
  for (const [name, kind] of DISTANCE_COLUMNS) {
    head.append(element("th", { scope: "col", "data-kind": kind, class: kind === "number" ? "n" : null }, element("button", { type: "button" }, name)));
  }
  table.append(element("thead", {}, head), element("tbody", {}));
  sortable(table);
  let shown = null, filled = null;
  const fill = () => {
    if (!box.open || filled === shown) return;
    filled = shown;
    const s = shown, name = (k) => `${k + 1} ${s.names[k]}`;
    const rows = moleculeDistances(s).map(({ a, b, centres, pair, apart }) => {
      const atoms = pair.map((i) => atomName(s, i)).join("–");
      const row = element("tr", {}, ...[a, b].map((k) => element("td", { "data-v": name(k) }, name(k))),
        element("td", { class: "n", "data-v": centres }, centres.toFixed(2)), element("td", { "data-v": atoms }, atoms), element("td", { class: "n", "data-v": apart }, apart.toFixed(2)));
      row.addEventListener("click", () => choosePair(pair));
      return row;
    });
    table.tBodies[0].replaceChildren(...(rows.length ? rows : [element("tr", {}, element("td", { colspan: 5, "data-v": "" }, "one molecule"))]));
    table.tHead.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
  };
  box.addEventListener("toggle", fill);
  return (s) => { shown = s; byId("distances-of").textContent = s.id; fill(); };
}
