// The stepwise ladder of ΔG: a level a cluster, a dotted line a molecule added.
function steps(host, path) {
  const rungs = [{ formula: path.steps.length ? path.steps[0].from_formula || path.steps[0].from : "", gibbs: startOf(path), adds: "", step: null }];
  for (const s of path.steps) if (s.gibbs_kcalmol !== null) rungs.push({ formula: s.formula, gibbs: s.gibbs_kcalmol, adds: s.adds, step: s.step_gibbs_kcalmol });
  const last = rungs[rungs.length - 1];
  const alt = `Stepwise ladder of ${path.steps.length} steps from ${rungs[0].formula} to ${last.formula}, ΔG ${decimals(last.gibbs, 1)} kcal/mol. ` +
    path.steps.map((s) => `plus ${s.adds}: ${decimals(s.step_gibbs_kcalmol, 1)}`).join(", ");

  function draw() {
    const scroller = host.querySelector(".scroll") || host.appendChild(element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": path.name }));
    const canvas = element("div", {});
    scroller.replaceChildren(canvas);
    canvas.style.width = `${Math.max(Math.min(host.clientWidth, 60 + 200 * rungs.length), 60 + 112 * rungs.length)}px`;
    const f = frame(canvas, { height: 320, alt, x: null, y: { name: "ΔG", unit: "kcal/mol" }, xs: [0, rungs.length], ys: extent(rungs.map((r) => r.gibbs), true), bottom: 34, top: 36 });
    const wide = (f.sx(1) - f.sx(0)) * 0.62;
    rungs.forEach((rung, k) => {
      const [x, y] = [f.sx(k + 0.5), f.sy(rung.gibbs)];
      if (k > 0) f.svg.append(shape("line", { class: "join", x1: f.sx(k - 0.5) + wide / 2, y1: f.sy(rungs[k - 1].gibbs), x2: x - wide / 2, y2: y }));
      f.svg.append(shape("line", { class: `level ${rung.step !== null && rung.step > 0 ? "uphill" : ""}`, x1: x - wide / 2, x2: x + wide / 2, y1: y, y2: y }));
      f.svg.append(shape("text", { x, y: f.height - 12, "text-anchor": "middle", class: "name" }, rung.formula));
      if (rung.step === null) return;
      f.svg.append(shape("text", { x, y: y - 9, "text-anchor": "middle", class: "value" }, `${rung.step > 0 ? "+" : ""}${decimals(rung.step, 1)}`));
      f.svg.append(shape("text", { x, y: y - 23, "text-anchor": "middle", class: "name" }, `+ ${rung.adds}${rung.step > 0 ? " ↑" : ""}`));
    });
    canvas.append(f.svg);
  }
  kept(host, draw);
}

const startOf = (path) => (path.steps.length && path.steps[0].gibbs_kcalmol !== null ? path.steps[0].gibbs_kcalmol - path.steps[0].step_gibbs_kcalmol : 0);
