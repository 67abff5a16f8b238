// Hydrogen bonds of the structure shown, and its shortest contacts between heavy atoms.
const BOND_COLUMNS = [["from", "text"], ["to", "text"], ["H···A Å", "number"], ["D···A Å", "number"], ["D–H···A °", "number"]];

function bondTable(choosePair) {
  const table = byId("bonds"), head = element("tr", {});
  for (const [name, kind] of BOND_COLUMNS) {
    head.append(element("th", { scope: "col", "data-kind": kind, class: kind === "number" ? "n" : null }, element("button", { type: "button" }, name)));
  }
  table.append(element("thead", {}, head), element("tbody", {}));
  sortable(table);
  return (s) => {
    byId("bonds-of").textContent = `${s.id} (${s.hydrogenBonds.length})`;
    const rows = s.hydrogenBonds.map(([d, h, a]) => {
      const numbers = [distance(s.at, h, a), distance(s.at, d, a), angle(s.at, d, h, a)];
      const row = element("tr", {}, ...[d, a].map((i) => element("td", { "data-v": atomName(s, i) }, `${atomName(s, i)} `, element("small", {}, moleculeName(s, i)))),
        ...numbers.map((x, k) => element("td", { class: "n", "data-v": x }, x.toFixed(k < 2 ? 2 : 0))));
      row.addEventListener("click", () => choosePair([h, a]));
      return row;
    });
    const none = element("tr", {}, element("td", { colspan: 5, "data-v": "" }, "none"));
    table.tBodies[0].replaceChildren(...(rows.length ? rows : [none]));
    table.tHead.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
    if (rows.length) sortBy(table, 2, false);
  };
}
