// One picture of points, lines, steps, or curves (lines with few marks; series with sticks are drawn from zero up): {alt, x, y, marks, series: [{name, dashed, points: [{x, y, error, label, structure}]}]}.
function plot(host, spec, { height = 260, onChoose = null, withLegend = true } = {}) {
  const groups = new Map();
  let chosen = -1, hidden = () => false;
  const points = spec.series.flatMap((s) => s.points);
  if (!points.length) return { choose() {}, hide() {} };

  function draw() {
    groups.clear();
    const ys = extent(points.flatMap((p) => [p.y - (p.error || 0), p.y + (p.error || 0)]), spec.y.zero ?? spec.marks !== "points");
    const f = frame(host, { height, alt: spec.alt, x: spec.x, y: spec.y, xs: extent(points.map((p) => p.x), spec.marks !== "points"), ys });
    spec.series.forEach((series, k) => {
      if (series.sticks) for (const p of series.points) f.svg.append(shape("path", { class: `line ${hue(k)}`, d: `M${f.sx(p.x)},${f.sy(0)}V${f.sy(p.y)}` }));
      else if (spec.marks !== "points" && series.points.length) f.svg.append(shape("path", { class: `line ${hue(k)}${series.dashed ? " dashed" : ""}`, d: path(series.points, f, spec.marks) }));
    });
    const later = spec.series.map((series, k) => [series, k]).reverse();  // the first series lies on top
    for (const [series, k] of later) for (const point of marked(series, spec.marks)) f.svg.append(mark(point, series, k, f));
    replaceDrawing(host, f.svg, ...(withLegend && spec.series.length > 1 ? [legend(spec.series)] : []));
    light();
  }

  function mark(point, series, k, f) {
    const [px, py] = [f.sx(point.x), f.sy(point.y)], number = series.mark === undefined ? k : series.mark;
    const group = shape("g", { class: "point", transform: `translate(${px.toFixed(1)},${py.toFixed(1)})` });
    if (point.error) {
      const [up, down] = [f.sy(point.y + point.error) - py, f.sy(point.y - point.error) - py];
      group.append(shape("path", { class: "error", d: `M0,${up}V${down}M-3,${up}H3M-3,${down}H3` }));
    }
    group.append(shape("path", { d: markPath(number), class: hue(number) + (series.dashed ? " hollow" : "") }));
    group.append(shape("title", {}, `${point.label ? `${point.label}: ` : ""}${named(spec.x)} ${tidy(point.x)}, ${named(spec.y)} ${tidy(point.y)}`));
    if (onChoose && point.structure !== undefined) {
      group.append(shape("circle", { r: 9, class: "hit" }));
      group.dataset.structure = point.structure;
      group.addEventListener("click", () => onChoose(point.structure));
      groups.set(point.structure, group);
    }
    return group;
  }

  function light() {
    for (const [structure, group] of groups) {
      group.classList.toggle("chosen", structure === chosen);
      group.classList.toggle("gone", hidden(structure));
    }
    if (groups.has(chosen)) groups.get(chosen).parentNode.append(groups.get(chosen));  // on top
  }

  kept(host, draw);
  return {
    choose(structure) { chosen = structure; light(); },
    hide(test) { hidden = test; light(); },
  };
}

// The points of a series that get a mark: a few of a curve, to tell it from others without colour
function marked({ sticks, points }, marks) {
  if (sticks) return [];
  const apart = Math.ceil(points.length / 6);
  return marks === "curve" ? points.filter((_, k) => k % apart === apart >> 1) : points;
}

const tidy = (value) => (Number.isInteger(value) ? String(value) : decimals(value, 2));

function path(points, f, marks) {
  return points.map((p, k) => {
    const [x, y] = [f.sx(p.x).toFixed(1), f.sy(p.y).toFixed(1)];
    if (k === 0) return `M${x},${y}`;
    return marks === "steps" ? `H${x}V${y}` : `L${x},${y}`;
  }).join("");
}
