// Axes, marks and legends that the pictures share. Colour never tells alone: every series has a shape of its own.
const MARKS = [
  "M-5,0A5,5 0 1 0 5,0A5,5 0 1 0 -5,0Z", "M-4.6,-4.6H4.6V4.6H-4.6Z", "M0,-5.8L5.6,4.4H-5.6Z", "M0,-6.2L6.2,0L0,6.2L-6.2,0Z",
  "M-2,-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z", "M0,5.8L5.6,-4.4H-5.6Z", "M0,-5.8L5.5,-1.8L3.4,4.7H-3.4L-5.5,-1.8Z",
];
const markPath = (series) => MARKS[series % MARKS.length];
const hue = (series) => `hue-${series % 7}`;

function ticks(low, high, count) {
  const span = high - low || 1, raw = span / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999), found = [];
  for (let t = Math.ceil(low / step - 1e-9) * step; t <= high + step * 1e-9; t += step) found.push(Math.abs(t) < step * 1e-9 ? 0 : t);
  return { values: found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9), step / power === 2.5 ? 1 - Math.floor(Math.log10(power) + 1e-9) : 0) };
}

function tickText(value, digits) {
  if (Math.abs(value) >= 10000) return value.toLocaleString("en").replaceAll(",", "\u2009").replace("-", "\u2212");
  return decimals(value, digits);
}

function extent(values, fromZero) {
  let low = Math.min(...values), high = Math.max(...values);
  if (fromZero) low = Math.min(low, 0);
  const edge = (high - low || Math.abs(high) || 1) * 0.06;
  return [fromZero && low === 0 ? 0 : low - edge, high + edge];
}

const named = ({ name, unit }) => (unit ? `${name} / ${unit}` : name);

// A frame with both axes in an svg of the width of its figure; gives back scales and the group to draw in
function frame(host, { height, alt, x, y, xs, ys, left = 46, bottom = 40, top = 20 }) {
  const width = Math.max(host.clientWidth, 200), right = 12;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": alt });
  const sx = (v) => left + ((v - xs[0]) / (xs[1] - xs[0])) * (width - left - right);
  const sy = (v) => height - bottom - ((v - ys[0]) / (ys[1] - ys[0])) * (height - bottom - top);
  const grid = shape("g", { class: "grid" });
  const vertical = ticks(ys[0], ys[1], Math.max(2, Math.round((height - bottom - top) / 44)));
  for (const t of vertical.values) {
    grid.append(shape("line", { x1: left, x2: width - right, y1: sy(t), y2: sy(t) }));
    grid.append(shape("text", { x: left - 7, y: sy(t) + 4, "text-anchor": "end" }, tickText(t, vertical.digits)));
  }
  if (x) {
    const across = ticks(xs[0], xs[1], Math.max(2, Math.round((width - left - right) / 70)));
    for (const t of across.values) {
      grid.append(shape("line", { x1: sx(t), x2: sx(t), y1: height - bottom, y2: height - bottom + 4, class: "tick" }));
      grid.append(shape("text", { x: sx(t), y: height - bottom + 17, "text-anchor": "middle" }, tickText(t, across.digits)));
    }
    grid.append(shape("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle", class: "name" }, named(x)));
  }
  grid.append(shape("line", { x1: left, x2: width - right, y1: height - bottom, y2: height - bottom, class: "base" }));
  grid.append(shape("text", { x: 2, y: 11, class: "name" }, named(y)));
  svg.append(grid);
  return { svg, sx, sy, width, height, left, right, bottom };
}

function legend(series) {
  return element("ul", { class: "legend" }, ...series.map(({ name, dashed }, k) => element("li", {},
    shape("svg", { class: "mark", viewBox: "-8 -8 16 16", "aria-hidden": "true" }, shape("path", { d: markPath(k), class: hue(k) + (dashed ? " hollow" : "") })), name)));
}

// Draws now and whenever the figure gets another width
function kept(host, draw) {
  let width = host.clientWidth;
  draw();
  new ResizeObserver(() => { if (host.clientWidth && host.clientWidth !== width) { width = host.clientWidth; draw(); } }).observe(host);
  window.addEventListener("beforeprint", draw);
}

function replaceDrawing(host, ...nodes) {
  host.querySelectorAll(":scope > svg, :scope > .legend").forEach((old) => old.remove());
  host.append(...nodes);
}
