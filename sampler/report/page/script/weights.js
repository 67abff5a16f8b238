// Boltzmann weights at the temperature the reader asks for, over every structure of the run, those not shown included.
// All values are relative to the lowest of the run, which need not be among those shown.
const GAS_CONSTANT = 1.98720425864083e-3;  // kcal/(mol K), CODATA 2018

function weigh(values, rest, kelvin) {
  const known = values.filter((v) => v !== null && v !== undefined);
  const lowest = Math.min(...known, ...rest), part = (v) => Math.exp(-(v - lowest) / (GAS_CONSTANT * kelvin));
  const whole = known.reduce((sum, v) => sum + part(v), 0) + rest.reduce((sum, v) => sum + part(v), 0);
  return values.map((v) => (v === null || v === undefined ? null : part(v) / whole));
}

function weights(rows, afterwards) {
  const field = byId("kelvin"), slide = byId("kelvin-slide"), said = told.weights;
  if (!field || !structures.length) return;
  const fromGibbs = said.from === "gibbs", rest = said.rest_kcalmol || [];
  const values = structures.map((s) => (fromGibbs ? s.relative_gibbs_kcalmol : s.relative_energy_kcalmol));
  const start = said.temperature_K || 298.15, text = byId("weights-note").textContent;
  const cell = (index) => rows.get(index).querySelector('[data-key="boltzmann"]');

  function show(kelvin) {
    const now = kelvin === start ? structures.map((s) => s.boltzmann) : weigh(values, rest, kelvin), most = Math.max(...now.filter((w) => w !== null));
    now.forEach((weight, index) => {
      const at = cell(index);
      at.dataset.v = weight === null ? "" : String(weight);
      at.firstElementChild.textContent = weight === null ? "" : (100 * weight).toFixed(1);
      at.style.setProperty("--share", weight === null ? "0" : (weight / most).toFixed(3));
    });
    const caveats = kelvin === start ? [] : [`Recomputed at ${kelvin} K.`];
    if (kelvin !== start && fromGibbs) caveats.push(`The free energies themselves are those of ${start} K.`);
    if (kelvin !== start && told.unseen > 0 && !said.rest_kcalmol) caveats.push("Over the structures shown alone.");
    afterwards();
    byId("weights-note").textContent = [text, ...caveats].join(" ");
  }

  function change(value, other) {
    const kelvin = Number(value);
    if (!(kelvin > 0)) return;
    other.value = String(kelvin);
    show(kelvin);
  }
  field.value = slide.value = String(start);
  slide.step = "any";
  slide.value = String(start);
  slide.addEventListener("input", () => { const k = Math.round(Number(slide.value)); change(Math.abs(k - start) < 0.6 ? start : k, field); });
  field.addEventListener("input", () => change(field.value, slide));
  show(start);
}
