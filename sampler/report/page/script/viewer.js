// A picture of molecules on a plain 2D canvas: it needs no graphics card, so it is seen over ssh and remote desktops too.
const FOG = 6;

class Viewer {
  constructor(canvas, { onHover, onPick }) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.model = "ball";
    this.hydrogenBonds = true;
    this.labels = false;
    this.chosen = [];
    this.hovered = -1;
    this.zoom = 1;
    this.rotation = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    this.sprites = new Map();
    this.spots = [];
    this.onHover = onHover;
    this.onPick = onPick;
    this.pointers = new Map();
    this.listen();
    themed.push(() => { this.sprites.clear(); this.draw(); });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  show(structure) {
    const first = !this.structure;
    this.structure = structure;
    this.chosen = [];
    this.hovered = -1;
    if (first) this.reset();
    this.frame();
    this.soon();
  }

  // a second structure, already laid on the first: {structure, at}; or null
  lay(second) {
    this.second = second;
    this.frame();
    this.soon();
  }

  reset() {
    this.rotation = principalAxes(this.structure.at);
    this.zoom = 1;
    this.soon();
  }

  frame() {
    this.centre = centroid(this.structure.at);
    let far = 0;
    for (const at of [this.structure.at, ...(this.second ? [this.second.at] : [])]) {
      for (let i = 0; i < at.length; i += 3) far = Math.max(far, Math.hypot(at[i] - this.centre[0], at[i + 1] - this.centre[1], at[i + 2] - this.centre[2]));
    }
    this.radius = far + 0.7;
  }

  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.draw(); });
  }

  view(width, height) {
    const eye = 4.5 * this.radius, size = (this.zoom * Math.min(width, height)) / (2 * this.radius), [c, m] = [this.centre, this.rotation];
    return {
      turn: (x, y, z) => { const p = [x - c[0], y - c[1], z - c[2]]; return [dot(m[0], p), dot(m[1], p), dot(m[2], p)]; },
      project: (p) => { const f = (size * eye) / (eye - p[2]); return { x: width / 2 + f * p[0], y: height / 2 - f * p[1], f }; },
    };
  }

  draw() {
    if (!this.structure) return;
    const ratio = printing.now ? 3 : window.devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== wide || this.canvas.height !== high) { this.canvas.width = wide; this.canvas.height = high; }
    this.paint(this.context, width, height, ratio, null);
  }

  paint(context, width, height, ratio, background) {
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    this.paper = isDark() ? "#15191c" : "#ffffff";
    if (background) { context.fillStyle = this.paper; context.fillRect(0, 0, width, height); }
    const view = this.view(width, height), main = scene(view, this.structure, this.structure.at, this.model, null, this.hydrogenBonds);
    let items = main.items;
    if (this.second) items = items.concat(scene(view, this.second.structure, this.second.at, "stick", isDark() ? "#f0a24a" : "#c46a00", false).items);
    items.sort((a, b) => a.z - b.z);
    this.spots = [];
    for (const item of items) {
      const fog = Math.max(0, Math.min(FOG - 1, Math.round((0.5 - item.z / (2 * this.radius)) * (FOG - 1))));
      if (item.kind === "ball") this.ball(context, item, fog);
      else if (item.kind === "stick") this.stick(context, item, fog);
      else this.dash(context, item, fog);
    }
    if (this.labels) this.write(context, main.points, view);
    this.mark(context, main.points, view);
  }

  // The colour of a thing this far back
  misty(colour, fog) {
    return mixed(colour, this.paper, (0.42 * fog) / (FOG - 1));
  }

  ball(context, { at, r, colour, atom }, fog) {
    const size = r * at.f, image = this.sprite(this.misty(colour, fog));
    context.drawImage(image, at.x - size * 1.04, at.y - size * 1.04, size * 2.08, size * 2.08);
    if (atom >= 0) this.spots.push({ x: at.x, y: at.y, r: size, atom });
  }

  sprite(colour) {
    if (!this.sprites.has(colour)) {
      const size = 128, image = document.createElement("canvas"), c = image.getContext("2d");
      image.width = image.height = size;
      const light = c.createRadialGradient(size * 0.37, size * 0.33, size * 0.02, size * 0.47, size * 0.45, size * 0.56);
      light.addColorStop(0, mixed(colour, "#ffffff", 0.8));
      light.addColorStop(0.16, mixed(colour, "#ffffff", 0.32));
      light.addColorStop(0.55, colour);
      light.addColorStop(1, mixed(colour, "#000000", 0.5));
      c.fillStyle = light;
      c.beginPath();
      c.arc(size / 2, size / 2, size / 2.08, 0, 2 * Math.PI);
      c.fill();
      c.strokeStyle = mixed(colour, "#000000", 0.62);
      c.lineWidth = 2.5;
      c.stroke();
      this.sprites.set(colour, image);
    }
    return this.sprites.get(colour);
  }

  stick(context, { a, b, width, colour }, fog) {
    const size = width * (a.f + b.f), dx = b.x - a.x, dy = b.y - a.y, length = Math.hypot(dx, dy), base = this.misty(colour, fog);
    if (length < 0.3) return;
    const [nx, ny] = [(-dy / length) * (size / 2), (dx / length) * (size / 2)], [mx, my] = [(a.x + b.x) / 2, (a.y + b.y) / 2];
    const upward = nx + ny > 0 ? -1 : 1;  // the light comes from above left
    const light = context.createLinearGradient(mx + upward * nx, my + upward * ny, mx - upward * nx, my - upward * ny);
    light.addColorStop(0, mixed(base, "#000000", 0.12));
    light.addColorStop(0.28, mixed(base, "#ffffff", 0.45));
    light.addColorStop(0.6, base);
    light.addColorStop(1, mixed(base, "#000000", 0.5));
    context.lineCap = "butt";
    this.line(context, a, b, size + 1.4, mixed(base, "#000000", 0.6));
    this.line(context, a, b, size, light);
  }

  dash(context, { a, b, width, colour }, fog) {
    context.lineCap = "round";
    this.line(context, a, b, Math.max(1.6, width * (a.f + b.f)), this.misty(colour || (isDark() ? "#7fd1c7" : "#0b7a75"), fog));
  }

  line(context, a, b, width, style) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.beginPath();
    context.moveTo(a.x, a.y);
    context.lineTo(b.x, b.y);
    context.stroke();
  }

  text(context, words, x, y, size) {
    context.font = `600 ${size}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 3.5;
    context.strokeStyle = this.paper;
    context.fillStyle = isDark() ? "#f2f5f6" : "#14191c";
    context.strokeText(words, x, y);
    context.fillText(words, x, y);
  }

  write(context, points, view) {
    this.structure.symbols.forEach((symbol, i) => {
      if (symbol === "H") return;
      const at = view.project(points[i]);
      this.text(context, atomName(this.structure, i), at.x, at.y, 11);
    });
  }

  ring(context, at, r, width, style) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.beginPath();
    context.arc(at.x, at.y, r, 0, 2 * Math.PI);
    context.stroke();
  }

  // The molecule under the pointer, the chosen atoms and the lines between them
  mark(context, points, view) {
    const accent = isDark() ? "#f2f5f6" : "#14191c", s = this.structure;
    const size = (i) => Math.max(elementRadius(s.symbols[i]) * scaleOf[this.model], STICK);
    if (this.hovered >= 0) {
      const mine = s.owner[this.hovered];
      s.owner.forEach((owner, i) => {
        if (i !== this.hovered && (mine < 0 || owner !== mine)) return;
        const at = view.project(points[i]);
        this.ring(context, at, size(i) * at.f + 2, i === this.hovered ? 2 : 1, isDark() ? "rgba(255,255,255,.75)" : "rgba(0,0,0,.6)");
      });
    }
    const at = this.chosen.map((i) => view.project(points[i]));
    context.setLineDash([4, 3]);
    for (let k = 1; k < at.length; k += 1) this.line(context, at[k - 1], at[k], 1.6, accent);
    context.setLineDash([]);
    this.chosen.forEach((i, k) => this.ring(context, at[k], size(i) * at[k].f + 3, 2.4, accent));
    if (at.length === 2) {
      const [i, j] = this.chosen;
      this.text(context, `${distance(s.at, i, j).toFixed(2)} Å`, (at[0].x + at[1].x) / 2, (at[0].y + at[1].y) / 2 - 9, 12);
    }
  }

  rotate(aboutY, aboutX) {
    const [cy, sy, cx, sx] = [Math.cos(aboutY), Math.sin(aboutY), Math.cos(aboutX), Math.sin(aboutX)], [x, y, z] = this.rotation;
    const x2 = x.map((v, k) => cy * v + sy * z[k]), z2 = z.map((v, k) => cy * v - sy * x[k]);
    this.rotation = [x2, y.map((v, k) => cx * v - sx * z2[k]), z2.map((v, k) => cx * v + sx * y[k])];
    this.soon();
  }

  nearer(factor) {
    this.zoom = Math.max(0.4, Math.min(8, this.zoom * factor));
    this.soon();
  }

  // The atom under a point of the page, or -1: the last painted is the nearest
  under(event) {
    const box = this.canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    for (let k = this.spots.length - 1; k >= 0; k -= 1) {
      const spot = this.spots[k];
      if (Math.hypot(spot.x - x, spot.y - y) <= Math.max(spot.r, 6)) return spot.atom;
    }
    return -1;
  }

  listen() {
    const { canvas, pointers } = this;
    let moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      if (pointers.size === 0) moved = 0;
      pointers.set(event.pointerId, event);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) { this.hover(this.under(event)); return; }
      const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY, apart = this.spread();
      pointers.set(event.pointerId, event);
      moved += Math.abs(dx) + Math.abs(dy);
      if (moved < 4) return;
      if (pointers.size === 2 && apart) this.nearer(this.spread() / apart);
      this.rotate((dx * 0.011) / pointers.size, (dy * 0.011) / pointers.size);
    });
    const up = (event, chosen) => {
      if (!pointers.delete(event.pointerId)) return;
      if (chosen && moved < 4) this.choose(this.under(event));
    };
    canvas.addEventListener("pointerup", (event) => up(event, true));
    canvas.addEventListener("pointercancel", (event) => up(event, false));
    canvas.addEventListener("pointerleave", () => this.hover(-1));
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas) return;  // the page scrolls
      event.preventDefault();
      this.nearer(Math.exp(-event.deltaY * 0.0015));
    }, { passive: false });
  }

  spread() {
    const [one, two] = [...this.pointers.values()];
    return two ? Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY) : 0;
  }

  hover(atom) {
    if (atom === this.hovered) return;
    this.hovered = atom;
    this.onHover(atom);
    this.soon();
  }

  choose(atom) {
    if (atom < 0) this.chosen = [];
    else if (this.chosen.includes(atom)) this.chosen = this.chosen.filter((i) => i !== atom);
    else this.chosen = this.chosen.length === 4 ? [atom] : [...this.chosen, atom];
    this.onPick(this.chosen);
    this.soon();
  }

  // Keys while the picture has the focus; true where one was meant for it
  key(name) {
    const turns = { ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, -0.12], ArrowDown: [0, 0.12] };
    if (turns[name]) this.rotate(...turns[name]);
    else if (name === "+" || name === "=") this.nearer(1.15);
    else if (name === "-") this.nearer(1 / 1.15);
    else if (name === "0") this.reset();
    else return false;
    return true;
  }

  picture(done) {
    const image = document.createElement("canvas"), { clientWidth: width, clientHeight: height } = this.canvas;
    image.width = width * 3;
    image.height = height * 3;
    this.paint(image.getContext("2d"), width, height, 3, true);
    image.toBlob(done, "image/png");
  }
}
