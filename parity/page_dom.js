"use strict";
// What all parts of the page are built of. Data becomes text nodes and numbers only, never markup.
const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const WORDS = { "NOT EXERCISED": "not exercised", "NOT COMPARED": "not compared" };

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function on(node, event, action) {
  node.addEventListener(event, action);
  return node;
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function floats(text) {
  const raw = bytes(text);
  const view = new DataView(raw.buffer);
  return Float32Array.from({ length: raw.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

function told(value) { // a number as a reader wants it; infinity and NaN come as text
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value === "inf" ? "∞" : value === "-inf" ? "−∞" : value;
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size < 1e-3 || size >= 1e4 ? value.toExponential(2) : String(Number(value.toPrecision(3)));
  return text.replace("-", "−").replace("e−", "e-").replace("e+", "e").replace("e-", "e−");
}
function whole(value) { // all digits
  if (typeof value !== "number") return told(value);
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value);
}
const count = (value) => Number(value).toLocaleString("en").replaceAll(",", " ");
const size = (share) => (share === null || share === undefined ? -1 : typeof share === "string" ? Infinity : share);
const kind = (verdict) => String(verdict).replaceAll(" ", "_").replace(/[^A-Z_]/g, "");

const SHAPES = { // each verdict has a shape and a sign of its own, so that colour is never alone
  PASS: ["M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20z", "M7.5 12.5l3 3l6-6.5"],
  FAIL: ["M3 3h18v18H3z", "M8 8l8 8M16 8l-8 8"],
  VACUOUS: ["M12 2.5L22.5 21h-21z", "M12 9.5v5M12 17.8v.2"],
  NOT_EXERCISED: ["M12 1.5L22.5 12L12 22.5L1.5 12z", "M8.5 12h7"],
  NOT_COMPARED: ["M6 6h12v12H6z", "M9.5 12h5"],
};

function mark(verdict) {
  const [back, sign] = SHAPES[kind(verdict)] || SHAPES.NOT_COMPARED;
  const shapes = [draw("path", { class: "back", d: back }), draw("path", { class: "sign", d: sign })];
  return draw("svg", { class: `mark ${kind(verdict)}`, viewBox: "0 0 24 24", "aria-hidden": "true" }, ...shapes);
}

function verdictWord(verdict) {
  return el("span", { class: `word ${kind(verdict)}` }, mark(verdict), " ", WORDS[verdict] || String(verdict).toLowerCase());
}

function table(caption, heads, rows, numeric = []) {
  const cell = (tag, value, column) => el(tag, { class: numeric.includes(column) ? "n" : null, scope: tag === "th" ? "col" : null }, value);
  const head = el("thead", {}, el("tr", {}, heads.map((text, column) => cell("th", text, column))));
  const body = el("tbody", {}, rows.map((row) => el("tr", {}, row.map((value, column) => cell("td", value, column)))));
  const made = el("table", {}, head, body);
  return el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": caption }, made);
}

function canvas(picture, colours, name) {
  const made = el("canvas", { width: picture.cols, height: picture.rows, role: "img", "aria-label": name });
  const context = made.getContext("2d");
  const image = context.createImageData(picture.cols, picture.rows);
  bytes(picture.data).forEach((level, i) => image.data.set(colours[level], 4 * i));
  context.putImageData(image, 0, 0);
  return made;
}

function ramp(stops, zero) { // 256 colours between stops [place 0 to 1, r, g, b]; level 0 may have its own
  const colours = [];
  for (let level = 0; level < 256; level += 1) {
    const place = zero ? (level - 1) / 254 : level / 255;
    const next = Math.max(1, stops.findIndex((stop) => stop[0] >= place));
    const [a, b] = [stops[next - 1], stops[next]];
    const part = Math.min(1, Math.max(0, (place - a[0]) / (b[0] - a[0])));
    colours.push([1, 2, 3].map((i) => Math.round(a[i] + part * (b[i] - a[i]))).concat(255));
  }
  if (zero) colours[0] = zero;
  return colours;
}
const BELOW = [[0, 222, 235, 247], [0.5, 158, 202, 225], [1, 33, 113, 181]]; // blue within the bound
const OVER = [[0, 253, 174, 97], [0.4, 217, 72, 1], [1, 103, 0, 13]]; // orange to dark red over it

function shareColours(low, high) {
  const bound = -low / (high - low);
  const within = BELOW.map(([at, ...colour]) => [at * bound, ...colour]);
  return ramp([...within, ...OVER.map(([at, ...colour]) => [bound + 1e-6 + at * (1 - bound - 1e-6), ...colour])], [250, 250, 250, 255]);
}
const COLOURS = {
  signed: ramp([[0, 5, 48, 97], [0.25, 67, 147, 195], [0.5, 247, 247, 247], [0.75, 214, 96, 77], [1, 103, 0, 31]]),
  ndvi: ramp([[0, 94, 60, 32], [0.3, 196, 160, 106], [0.5, 240, 232, 190], [0.75, 112, 172, 86], [1, 12, 82, 44]], [128, 128, 128, 255]),
};

const power = (exponent) => (exponent === 0 ? "1: the bound" : `1e${exponent}`.replace("-", "−"));

function scale(colours, labels) { // labels are [text, place 0 to 1]
  const picture = { rows: 1, cols: 255, data: btoa(String.fromCharCode(...Array.from({ length: 255 }, (_, i) => i + 1))) };
  const band = canvas(picture, colours, `colour scale from ${labels[0][0]} to ${labels[labels.length - 1][0]}`);
  const texts = labels.map(([text, at]) => {
    const made = el("span", {}, text);
    made.style.setProperty("left", `${100 * at}%`);
    made.style.setProperty("transform", `translateX(${-100 * at}%)`);
    return made;
  });
  return el("div", { class: "scale" }, band, el("div", { "aria-hidden": "true" }, texts));
}
