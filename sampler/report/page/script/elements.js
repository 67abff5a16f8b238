// Colours and radii of elements in the picture; radii in Å, of the balls (a third of the van der Waals radius).
const ELEMENTS = {
  H: ["#e9ecef", 0.27], C: ["#6f777d", 0.38], N: ["#3f6fd8", 0.38], O: ["#d8402f", 0.37], F: ["#8fc93a", 0.35], Na: ["#9a6fd1", 0.5],
  Mg: ["#6fae5b", 0.45], Si: ["#c9a26b", 0.45], P: ["#e08a2e", 0.44], S: ["#e8c21f", 0.46], Cl: ["#3fae49", 0.44], K: ["#8450b8", 0.55],
  Br: ["#a0522d", 0.47], I: ["#7a3b9e", 0.52],
};
const elementColour = (symbol) => (ELEMENTS[symbol] || ["#c2699a", 0.45])[0];
const elementRadius = (symbol) => (ELEMENTS[symbol] || ["#c2699a", 0.45])[1];

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
function mixed(one, two, share) {
  const a = channels(one), b = channels(two);
  return `#${a.map((x, i) => Math.round(x + (b[i] - x) * share).toString(16).padStart(2, "0")).join("")}`;
}
