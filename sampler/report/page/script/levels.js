// The energy ladder of a run: a rung a structure, a column a protonation state.
function levels(host, { onChoose }) {
  const rungs = new Map();
  let chosen = -1, hidden = () => false;
  const known = structures.filter((s) => s.relative_energy_kcalmol !== null), energies = known.map((s) => s.relative_energy_kcalmol);
  if (!known.length) { host.hidden = true; return { choose() {}, hide() {} }; }
  const columns = stateNames.length;
  const alt = `Energy ladder: ${known.length} structures from 0 to ${decimals(Math.max(...energies), 1)} kcal/mol in ${columns} protonation state${columns > 1 ? "s" : ""}.`;

  function draw() {
    rungs.clear();
    const f = frame(host, { height: 270, alt, x: null, y: { name: "relative energy", unit: "kcal/mol" }, xs: [0, columns], ys: extent(energies, true), bottom: 26 });
    for (let k = 0; k < columns; k += 1) {
      const named = f.sx(1) - f.sx(0) > 7 * stateNames[k].length + 16, middle = f.sx(k + 0.5);
      if (named) f.svg.append(shape("text", { x: middle + 8, y: f.height - 7, "text-anchor": "middle" }, stateNames[k]));
      const mark = shape("path", { class: hue(k), d: markPath(k), transform: `translate(${named ? middle - 3.1 * stateNames[k].length - 8 : middle},${f.height - 11})` });
      f.svg.append(put(mark, {}, [shape("title", {}, stateNames[k])]));
    }
    const wide = (f.sx(1) - f.sx(0)) * 0.72;
    for (const s of known) {
      const [x, y] = [f.sx(s.stateNumber + 0.5) - wide / 2, f.sy(s.relative_energy_kcalmol)];
      const group = shape("g", { class: "rung", "data-structure": s.index }, shape("line", { x1: x, x2: x + wide, y1: y, y2: y, class: hue(s.stateNumber) }),
        shape("line", { x1: x, x2: x + wide, y1: y, y2: y, class: "hit" }), shape("title", {}, `${s.rank}: ${s.id}, ${decimals(s.relative_energy_kcalmol, 2)} kcal/mol`));
      group.addEventListener("click", () => onChoose(s.index));
      rungs.set(s.index, group);
      f.svg.append(group);
    }
    replaceDrawing(host, f.svg);
    light();
  }

  function light() {
    for (const [index, group] of rungs) {
      group.classList.toggle("chosen", index === chosen);
      group.classList.toggle("gone", hidden(index));
    }
    if (rungs.has(chosen)) rungs.get(chosen).parentNode.append(rungs.get(chosen));
  }

  kept(host, draw);
  return { choose(index) { chosen = index; light(); }, hide(test) { hidden = test; light(); } };
}
