// One structure is shown at a time: the picture, the ranking, the pictures of energies and the table of bonds agree on it.
function setUpStructures() {
  let shown = null, versus = "";
  const readout = byId("readout"), compare = byId("compare"), second = byId("second");
  const viewer = new Viewer(byId("viewer"), {
    onHover: (atom) => { readout.textContent = atom < 0 ? measured(shown, viewer.chosen) : `${atomName(shown, atom)} of ${moleculeName(shown, atom) || "no molecule"}`; },
    onPick: (atoms) => { readout.textContent = measured(shown, atoms); if (atoms.length) announce(readout.textContent); },
  });
  const views = [];
  const table = ranking({ onChoose: show, onFilter: (test) => views.forEach((view) => view.hide(test)) });
  sortable(byId("ranking"));
  weights(table.rows, () => { if (shown) table.tell(shown.index, byId("about")); });
  const choosePair = (pair) => { viewer.chosen = []; pair.forEach((i) => viewer.choose(i)); };
  const bonds = bondTable(choosePair), distances = distanceTable(choosePair);
  views.push(levels(byId("levels"), { onChoose: show }), ...energyMaps(show));

  function show(index) {
    shown = structures[index];
    readout.textContent = "";
    viewer.show(shown);
    superposeNow();
    table.choose(index);
    views.forEach((view) => view.choose(index));
    bonds(shown);
    distances(shown);
    table.tell(index, byId("about"));
    const above = shown.relative_energy_kcalmol, energy = above === null ? "no energy" : `${decimals(above, 2)} kcal/mol`;
    byId("caption").replaceChildren(element("b", {}, `${shown.rank}`), ` ${shown.id} `, element("span", {}, shown.state_label), ` ${shown.index === 0 ? "lowest" : above === null ? "" : `+${energy}`}`);
    const molecules = shown.names.join(", "), count = shown.hydrogenBonds.length;
    byId("viewer").setAttribute("aria-label", `3D picture of structure ${shown.rank}, ${shown.id}: ${molecules}; ${shown.symbols.length} atoms, ${count} hydrogen bonds, ${energy} above the lowest`);
    byId("viewer").dataset.structure = shown.id;
    announce(`structure ${shown.rank}, ${shown.id}, ${energy}`);
  }

  function superposeNow() {
    const other = versus === "" ? null : structures[Number(versus)], laid = other && other !== shown ? superpose(shown, other) : null;
    viewer.lay(laid ? { structure: other, at: laid.at } : null);
    second.hidden = !other;
    if (laid) second.textContent = `orange: ${other.rank} ${other.id}${laid.mirrored ? " (mirror image)" : ""}, RMSD ${laid.rmsd.toFixed(2)} Å over all atoms, best match of equal elements`;
    else if (other) second.textContent = other === shown ? "the structure shown is the one to superpose: step to another" : "of other elements: not superposed";
    second.dataset.rmsd = laid ? laid.rmsd.toFixed(4) : "";
  }

  function setVersus(value) {
    versus = value;
    compare.value = value;
    superposeNow();
  }

  for (const s of structures) compare.append(element("option", { value: s.index }, `${s.rank}: ${s.id}`));
  compare.addEventListener("change", () => setVersus(compare.value));
  byId("model").addEventListener("change", (event) => { viewer.model = event.target.value; viewer.soon(); });
  byId("bonds-shown").addEventListener("change", (event) => { viewer.hydrogenBonds = event.target.checked; viewer.soon(); });
  byId("labels-shown").addEventListener("change", (event) => { viewer.labels = event.target.checked; viewer.soon(); });
  byId("previous").addEventListener("click", () => table.step(-1));
  byId("next").addEventListener("click", () => table.step(1));
  byId("view-reset").addEventListener("click", () => viewer.reset());
  byId("xyz-copy").addEventListener("click", copyShown);
  byId("xyz-save").addEventListener("click", () => saveAs(fileName(shown, "xyz"), new Blob([xyz(shown)], { type: "chemical/x-xyz" })));
  byId("png-save").addEventListener("click", () => viewer.picture((blob) => saveAs(fileName(shown, "png"), blob)));

  async function copyShown() {
    await copyText(xyz(shown));
    said(byId("xyz-copy"), "Copied");
  }

  const keys = {
    j: () => table.step(1), ArrowRight: () => table.step(1), k: () => table.step(-1), ArrowLeft: () => table.step(-1),
    c: () => setVersus(versus === "" ? "0" : ""), x: copyShown, "?": () => { const help = document.querySelector(".keys"); help.open = !help.open; }, "/": () => byId("filter").focus(),
    Escape: () => viewer.choose(-1),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox") {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const inPicture = event.target.id === "viewer";
    if (inPicture && event.key === "Home") table.first();
    else if (inPicture && viewer.key(event.key)) { /* turned or zoomed */ }
    else if (event.target.closest(".scroll") && event.key.startsWith("Arrow")) return;  // the table scrolls
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
  show(0);
}

// Error of an energy relative to the lowest, which itself has none
const errorOf = (s) => s.relative_error_kcalmol ?? (s.index === 0 ? null : s.error_kcalmol);

// Energy against RMSD and against Rg, a series a protonation state
function energyMaps(onChoose) {
  const made = [];
  for (const [id, key, name] of [["by-rmsd", "rmsd_to_lowest_A", "RMSD to the lowest"], ["by-rg", "rg_A", "radius of gyration"]]) {
    const told = structures.filter((s) => s.relative_energy_kcalmol !== null && s[key] !== null && s[key] !== undefined), values = told.map((s) => s[key]);
    if (!told.length) { byId(id).hidden = true; continue; }
    const series = stateNames.map((state, k) => ({ name: state, mark: k, points: told.filter((s) => s.stateNumber === k).map((s) => ({
      x: s[key], y: s.relative_energy_kcalmol, error: errorOf(s), label: `${s.rank}: ${s.id}`, structure: s.index })) }));
    const alt = `Relative energy against ${name}, ${told.length} structures, from ${decimals(Math.min(...values), 2)} to ${decimals(Math.max(...values), 2)} Å.`;
    const spec = { alt, x: { name, unit: "Å" }, y: { name: "relative energy", unit: "kcal/mol" }, marks: "points", series };
    made.push(plot(byId(id), spec, { height: 270, onChoose, withLegend: false }));
  }
  return made;
}
