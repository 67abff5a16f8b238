// The structure shown as an xyz file, with what it is in the second line.
function xyz(s) {
  const said = [`id="${s.id.replaceAll('"', "'")}"`, `rank=${s.rank}`, `state="${s.state_label.replaceAll('"', "'")}"`];
  if (s.binding_energy_kcalmol !== null) said.push(`binding_energy_kcalmol=${s.binding_energy_kcalmol}`);
  if (s.relative_energy_kcalmol !== null) said.push(`relative_energy_kcalmol=${s.relative_energy_kcalmol}`);
  if (s.level) said.push(`level="${s.level.replaceAll('"', "'")}"`);
  said.push("superposed_on_lowest=T");
  if (s.mirrored) said.push("mirror_image=T");
  const line = (symbol, i) => `${symbol.padEnd(2)} ${atomAt(s.at, i).map((x) => x.toFixed(3).padStart(9)).join(" ")}`;
  return `${s.symbols.length}\n${said.join(" ")}\n${s.symbols.map(line).join("\n")}\n`;
}

const fileName = (s, ending) => `${s.id.replace(/[^\w.-]+/g, "_")}.${ending}`;
