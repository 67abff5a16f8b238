// What the chosen atoms say: a name, a distance, an angle, a dihedral.
function measured(s, atoms) {
  const names = atoms.map((i) => atomName(s, i)).join("–");
  if (atoms.length === 1) return `${names} of ${moleculeName(s, atoms[0]) || "no molecule"}: choose another atom for the distance`;
  if (atoms.length === 2) return `${names}: ${distance(s.at, ...atoms).toFixed(3)} Å`;
  if (atoms.length === 3) return `${names}: ${angle(s.at, ...atoms).toFixed(1)}°`;
  if (atoms.length === 4) return `${names}: ${decimals(dihedral(s.at, ...atoms), 1)}°`;
  return "";
}
