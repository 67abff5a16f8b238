// Light or dark: the system's choice until the reader makes one; drawings are told of a change.
const themed = [];
const printing = { now: false };
const darkSystem = window.matchMedia("(prefers-color-scheme: dark)");

const isDark = () => !printing.now && (document.documentElement.dataset.theme || (darkSystem.matches ? "dark" : "light")) === "dark";
const redrawn = () => themed.forEach((draw) => draw());

function setUpTheme() {
  const button = byId("theme");
  const name = () => { button.textContent = isDark() ? "Light" : "Dark"; button.title = `Change to ${isDark() ? "light" : "dark"}`; };
  const change = (value) => {
    if (value) document.documentElement.dataset.theme = value;
    try { if (value) localStorage.setItem("sampler-theme", value); } catch (refused) { /* kept for this visit alone */ }
    name();
    redrawn();
  };
  let kept = null;
  try { kept = localStorage.getItem("sampler-theme"); } catch (refused) { kept = null; }
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  button.hidden = false;
  button.addEventListener("click", () => change(isDark() ? "light" : "dark"));
  darkSystem.addEventListener("change", () => change(null));
  window.addEventListener("beforeprint", () => { printing.now = true; redrawn(); });
  window.addEventListener("afterprint", () => { printing.now = false; redrawn(); });
  name();
}
