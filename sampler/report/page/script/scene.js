// What is to be painted for one view of one or two structures: balls, halves of sticks and dashes, the farthest first.
const STICK = 0.13, THIN = 0.09, DASH = 0.055;
const scaleOf = { ball: 1, stick: 0.36, space: 2.9 };

// `lit` is what depth is told by: 0 at the front, 1 at the back
function scene(view, structure, at, model, flat, hydrogenBonds) {
  const items = [], n = structure.symbols.length, points = new Array(n);
  for (let i = 0; i < n; i += 1) points[i] = view.turn(at[3 * i], at[3 * i + 1], at[3 * i + 2]);
  const radius = (i) => Math.max(elementRadius(structure.symbols[i]) * scaleOf[model], STICK);
  const colour = (i) => flat || elementColour(structure.symbols[i]);
  for (let i = 0; i < n; i += 1) {
    items.push({ kind: "ball", z: points[i][2], at: view.project(points[i]), r: (flat ? THIN : radius(i)), colour: colour(i), atom: flat ? -1 : i });
  }
  const width = flat ? THIN : STICK;
  for (const [i, j] of structure.bonds) {
    const d = minus(points[j], points[i]), length = norm(d);
    if (length < 1e-6) continue;
    const u = d.map((x) => x / length), inset = (r) => Math.sqrt(Math.max(r * r - width * width, 0)) * 0.97;
    const from = flat ? 0 : inset(radius(i)), to = flat ? length : length - inset(radius(j));
    if (to <= from) continue;
    const along = (t) => [points[i][0] + u[0] * t, points[i][1] + u[1] * t, points[i][2] + u[2] * t];
    const middle = (from + to) / 2;
    half(items, view, along(from), along(middle), width, colour(i));
    half(items, view, along(middle), along(to), width, colour(j));
  }
  if (hydrogenBonds) for (const [, h, a] of structure.hydrogenBonds) dashes(items, view, points[h], points[a], flat ? 0 : radius(h), flat ? 0 : radius(a), flat);
  return { items, points };
}

function half(items, view, p, q, width, colour) {
  items.push({ kind: "stick", z: (p[2] + q[2]) / 2, a: view.project(p), b: view.project(q), width, colour });
}

function dashes(items, view, p, q, skipP, skipQ, flat) {
  const d = minus(q, p), length = norm(d), count = Math.max(2, Math.round((length - skipP - skipQ) / 0.24));
  const at = (t) => [0, 1, 2].map((k) => p[k] + (d[k] / length) * t);
  const step = (length - skipP - skipQ) / count;
  for (let k = 0; k < count; k += 1) {
    const a = at(skipP + step * (k + 0.22)), b = at(skipP + step * (k + 0.78));
    items.push({ kind: "dash", z: (a[2] + b[2]) / 2, a: view.project(a), b: view.project(b), width: DASH, colour: flat });
  }
}
