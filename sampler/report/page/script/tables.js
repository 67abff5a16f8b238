// Tables sorted by the heads of their columns; what has no value stays last either way.
function sortable(table, afterwards) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    const button = head.querySelector("button");
    if (button) button.addEventListener("click", () => {
      const downwards = head.getAttribute("aria-sort") === "ascending";
      sortBy(table, place, downwards);
      if (afterwards) afterwards();
      announce(`sorted by ${button.textContent.trim()}, ${downwards ? "descending" : "ascending"}`);
    });
  });
}

function sortBy(table, place, downwards) {
  const heads = [...table.tHead.rows[0].cells], numeric = heads[place].dataset.kind === "number", body = table.tBodies[0];
  heads.forEach((head, k) => { if (k === place) head.setAttribute("aria-sort", downwards ? "descending" : "ascending"); else head.removeAttribute("aria-sort"); });
  const rows = [...body.rows].map((row, k) => ({ row, k, v: row.cells[place].dataset.v || "" }));
  const compare = (a, b) => (numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true }));
  rows.sort((a, b) => {
    if (a.v === "" || b.v === "") return (a.v === "") - (b.v === "") || a.k - b.k;
    return (downwards ? -1 : 1) * compare(a.v, b.v) || a.k - b.k;
  });
  body.append(...rows.map(({ row }) => row));
}
