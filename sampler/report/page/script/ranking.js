// The ranking: sorted, filtered by state and by words; a click or the keys show a structure.
function ranking({ onChoose, onFilter }) {
  const table = byId("ranking"), body = table.tBodies[0], filter = byId("filter"), chips = [...document.querySelectorAll(".chip")];
  const rows = new Map([...body.rows].map((row) => [Number(row.dataset.structure), row])), off = new Set();
  const words = new Map([...rows].map(([index, row]) => [index, row.textContent.toLowerCase()]));
  let chosen = -1;

  for (const mark of document.querySelectorAll("svg.mark")) {
    const state = mark.dataset.state || mark.parentNode.dataset.state;
    if (state !== undefined && !mark.firstChild) mark.append(shape("path", { d: markPath(Number(state)), class: hue(Number(state)) }));
  }

  const shown = () => [...body.rows].filter((row) => !row.hidden).map((row) => Number(row.dataset.structure));

  function apply() {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const [index, row] of rows) row.hidden = off.has(row.dataset.state) || !wanted.every((word) => words.get(index).includes(word));
    const count = shown().length;
    byId("ranking-count").textContent = count === rows.size ? `${count} structures.` : `${count} of ${rows.size} structures.`;
    onFilter((index) => rows.get(index).hidden);
  }

  // A press keeps only this state; again, or with Shift, states are added and taken away
  function press(chip, adding) {
    const state = chip.dataset.state, all = chips.map((c) => c.dataset.state), only = off.size === all.length - 1 && !off.has(state);
    if (adding) { if (off.has(state)) off.delete(state); else off.add(state); }
    else if (only) off.clear();
    else { all.forEach((s) => off.add(s)); off.delete(state); }
    if (off.size === all.length) off.clear();
    chips.forEach((c) => c.setAttribute("aria-pressed", String(!off.has(c.dataset.state))));
    apply();
    announce(byId("ranking-count").textContent);
  }

  function choose(index) {
    if (rows.has(chosen)) { rows.get(chosen).removeAttribute("aria-current"); rows.get(chosen).querySelector(".show").tabIndex = -1; }
    chosen = index;
    const row = rows.get(index), box = byId("ranking-scroll");
    row.setAttribute("aria-current", "true");
    row.querySelector(".show").tabIndex = 0;
    const top = row.offsetTop - table.tHead.offsetHeight;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = row.offsetTop + row.offsetHeight - box.clientHeight;
  }

  // All that the table has of a structure, its headings as names
  function tell(index, list) {
    const heads = [...table.tHead.rows[0].cells], cells = [...rows.get(index).cells];
    list.replaceChildren(...cells.flatMap((cell, k) => {
      const words = cell.textContent.replace(/\s+/g, " ").trim(), button = heads[k].querySelector("button"), unit = button.querySelector("small");
      if (!words || ["rank", "state_label", "id"].includes(cell.dataset.key)) return [];  // the picture says these
      return element("div", {}, element("dt", {}, button.firstChild.textContent.trim()), element("dd", {}, `${words}${unit ? ` ${unit.textContent}` : ""}`));
    }));
  }

  function step(by) {
    const order = shown(), place = order.indexOf(chosen);
    if (!order.length) return;
    onChoose(order[place < 0 ? 0 : Math.max(0, Math.min(order.length - 1, place + by))]);
  }

  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row && !String(window.getSelection())) onChoose(Number(row.dataset.structure));
  });
  body.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
    rows.get(chosen).querySelector(".show").focus({ preventScroll: true });
  });
  chips.forEach((chip) => chip.addEventListener("click", (event) => press(chip, event.shiftKey || event.ctrlKey || event.metaKey)));
  filter.addEventListener("input", apply);
  apply();
  return { choose, tell, step, first: () => onChoose(shown()[0]), rows };
}
