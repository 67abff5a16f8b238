// The page comes to life: theme, tables, pictures, structures.
setUpTheme();
document.querySelectorAll("table[data-sortable]:not(#ranking):not(#bonds):not(#distances)").forEach((table) => sortable(table));
if (structures.length) setUpStructures();
for (const host of document.querySelectorAll("figure[data-section]")) {
  const spec = told.sections[host.dataset.section];
  if (spec.type === "plot") plot(host, spec, { onChoose: null });
  else steps(host, spec.paths[Number(host.dataset.path)]);
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => { await copyText(byId(button.dataset.copy).textContent); said(button, "Copied"); });
}
requestAnimationFrame(() => { document.documentElement.dataset.ready = String(Math.round(performance.now())); });  // the picture is drawn
