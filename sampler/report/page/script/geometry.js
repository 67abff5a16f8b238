// Vectors, principal axes and superposition. Positions are flat arrays, x y z of one atom after another, in Å.
const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const norm = (a) => Math.sqrt(dot(a, a));
const atomAt = (flat, i) => [flat[3 * i], flat[3 * i + 1], flat[3 * i + 2]];
const degrees = (radians) => (radians * 180) / Math.PI;

const distance = (flat, i, j) => norm(minus(atomAt(flat, i), atomAt(flat, j)));

function angle(flat, i, j, k) {
  const u = minus(atomAt(flat, i), atomAt(flat, j)), v = minus(atomAt(flat, k), atomAt(flat, j));
  return degrees(Math.acos(Math.max(-1, Math.min(1, dot(u, v) / (norm(u) * norm(v))))));
}

function dihedral(flat, i, j, k, l) {
  const a = minus(atomAt(flat, j), atomAt(flat, i)), b = minus(atomAt(flat, k), atomAt(flat, j)), c = minus(atomAt(flat, l), atomAt(flat, k));
  const n = cross(a, b), m = cross(b, c);
  return degrees(Math.atan2(dot(cross(n, m), b) / norm(b), dot(n, m)));
}

function centroid(flat) {
  const c = [0, 0, 0], n = flat.length / 3;
  for (let i = 0; i < flat.length; i += 1) c[i % 3] += flat[i] / n;
  return c;
}

// Eigenvalues and eigenvectors (columns) of a small symmetric matrix, by Jacobi rotations
function eigen(matrix) {
  const n = matrix.length, a = matrix.map((row) => row.slice()), v = a.map((_, i) => a.map((__, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < 60; sweep += 1) {
    let off = 0;
    for (let p = 0; p < n; p += 1) for (let q = p + 1; q < n; q += 1) off += a[p][q] ** 2;
    if (off < 1e-20) break;
    for (let p = 0; p < n; p += 1) for (let q = p + 1; q < n; q += 1) {
      if (Math.abs(a[p][q]) < 1e-15) continue;
      const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
      const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
      const c = 1 / Math.sqrt(t * t + 1), s = t * c;
      for (let k = 0; k < n; k += 1) { const x = a[k][p], y = a[k][q]; a[k][p] = c * x - s * y; a[k][q] = s * x + c * y; }
      for (let k = 0; k < n; k += 1) { const x = a[p][k], y = a[q][k]; a[p][k] = c * x - s * y; a[q][k] = s * x + c * y; }
      for (let k = 0; k < n; k += 1) { const x = v[k][p], y = v[k][q]; v[k][p] = c * x - s * y; v[k][q] = s * x + c * y; }
    }
  }
  return { values: a.map((row, i) => row[i]), vectors: v };
}

// Rotation whose rows are the principal axes, the longest first: a cluster seen from its broad side
function principalAxes(flat) {
  const c = centroid(flat), m = [[0, 0, 0], [0, 0, 0], [0, 0, 0]];
  for (let i = 0; i < flat.length; i += 3) for (let p = 0; p < 3; p += 1) for (let q = 0; q < 3; q += 1) m[p][q] += (flat[i + p] - c[p]) * (flat[i + q] - c[q]);
  const { values, vectors } = eigen(m), order = [0, 1, 2].sort((p, q) => values[q] - values[p]);
  const axis = (k) => [vectors[0][order[k]], vectors[1][order[k]], vectors[2][order[k]]];
  const x = axis(0), y = axis(1);
  return [x, y, cross(x, y)];
}

// Horn 1987 (10.1364/JOSAA.4.000629): the proper rotation that lays centred `moving` on centred `still`
function hornRotation(still, moving) {
  const s = [[0, 0, 0], [0, 0, 0], [0, 0, 0]];
  for (let i = 0; i < still.length; i += 3) for (let p = 0; p < 3; p += 1) for (let q = 0; q < 3; q += 1) s[p][q] += moving[i + p] * still[i + q];
  const [[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]] = s;
  const { values, vectors } = eigen([
    [xx + yy + zz, yz - zy, zx - xz, xy - yx],
    [yz - zy, xx - yy - zz, xy + yx, zx + xz],
    [zx - xz, xy + yx, yy - xx - zz, yz + zy],
    [xy - yx, zx + xz, yz + zy, zz - xx - yy],
  ]);
  const best = values.indexOf(Math.max(...values)), [w, x, y, z] = vectors.map((row) => row[best]);
  return [
    [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
  ];
}

function centred(flat, c) {
  return Float64Array.from(flat, (x, i) => x - c[i % 3]);
}

function turned(flat, m) {
  const out = new Float64Array(flat.length);
  for (let i = 0; i < flat.length; i += 3) for (let p = 0; p < 3; p += 1) out[i + p] = m[p][0] * flat[i] + m[p][1] * flat[i + 1] + m[p][2] * flat[i + 2];
  return out;
}

const picked = (flat, order) => Float64Array.from({ length: 3 * order.length }, (_, i) => flat[3 * order[Math.floor(i / 3)] + (i % 3)]);

function rmsd(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum / (a.length / 3));
}

// Cheapest one-to-one pairing of a square cost matrix (shortest augmenting paths, Jonker and Volgenant 1987)
function assignment(cost) {
  const n = cost.length, u = new Float64Array(n + 1), v = new Float64Array(n + 1), match = new Int32Array(n + 1), way = new Int32Array(n + 1);
  for (let i = 1; i <= n; i += 1) {
    match[0] = i;
    let j0 = 0;
    const least = new Float64Array(n + 1).fill(Infinity), used = new Uint8Array(n + 1);
    do {
      used[j0] = 1;
      let delta = Infinity, j1 = 0;
      for (let j = 1; j <= n; j += 1) if (!used[j]) {
        const reduced = cost[match[j0] - 1][j - 1] - u[match[j0]] - v[j];
        if (reduced < least[j]) { least[j] = reduced; way[j] = j0; }
        if (least[j] < delta) { delta = least[j]; j1 = j; }
      }
      for (let j = 0; j <= n; j += 1) if (used[j]) { u[match[j]] += delta; v[j] -= delta; } else least[j] -= delta;
      j0 = j1;
    } while (match[j0] !== 0);
    do { const j1 = way[j0]; match[j0] = match[j1]; j0 = j1; } while (j0);
  }
  const partner = new Array(n);
  for (let j = 1; j <= n; j += 1) partner[match[j] - 1] = j - 1;
  return partner;
}

// For each atom of `still`, the atom of `moving` of the same element that lies nearest, one to one
function matched(symbolsA, still, symbolsB, moving) {
  const order = new Array(symbolsA.length);
  for (const symbol of new Set(symbolsA)) {
    const a = [], b = [];
    symbolsA.forEach((s, i) => { if (s === symbol) a.push(i); });
    symbolsB.forEach((s, i) => { if (s === symbol) b.push(i); });
    const cost = a.map((i) => b.map((j) => (still[3 * i] - moving[3 * j]) ** 2 + (still[3 * i + 1] - moving[3 * j + 1]) ** 2 + (still[3 * i + 2] - moving[3 * j + 2]) ** 2));
    assignment(cost).forEach((j, i) => { order[a[i]] = b[j]; });
  }
  return order;
}

// `two` laid on `one`: rotation and pairing of atoms in turn until neither changes.
// The mirror image of two is taken where it lies nearer. Returns positions of two (in its own order) in the frame of one,
// and the RMSD of all atoms; null where elements differ.
function superpose(one, two) {
  const same = laidOn(one, two);
  if (!same) return null;
  const image = { symbols: two.symbols, at: Float64Array.from(two.at, (x, i) => (i % 3 ? x : -x)) }, other = laidOn(one, image);
  return other.rmsd < same.rmsd - 0.01 ? { ...other, mirrored: true } : { ...same, mirrored: false };
}

function laidOn(one, two) {
  if ([...one.symbols].sort().join() !== [...two.symbols].sort().join()) return null;
  const origin = centroid(one.at), still = centred(one.at, origin);
  let moving = centred(two.at, centroid(two.at));
  let order = matched(one.symbols, still, two.symbols, moving);
  if (one.symbols.join() === two.symbols.join()) {  // the order of the report may be the better start
    const given = one.symbols.map((_, i) => i), value = (o) => { const p = picked(moving, o); return rmsd(still, turned(p, hornRotation(still, p))); };
    if (value(given) < value(order)) order = given;
  }
  let value = Infinity;
  for (let k = 0; k < 30; k += 1) {
    moving = turned(moving, hornRotation(still, picked(moving, order)));
    const now = rmsd(still, picked(moving, order));
    if (now > value - 1e-6) { value = Math.min(now, value); break; }
    value = now;
    order = matched(one.symbols, still, two.symbols, moving);
  }
  return { at: Float64Array.from(moving, (x, i) => x + origin[i % 3]), rmsd: value };
}
