// One stage: what its checks say, where its errors are, how they are spread, the worst of them.
const MEANS = {
  integrity: "may the two traces be compared",
  given: "the same bits on both sides",
  reference: "original against float64 numpy, on the original's inputs",
  "teacher-forced": "port on the original's inputs, against the original",
  "own input": "port against float64 numpy, on the port's inputs",
  "free-running": "port on its own results so far, against the original",
  trajectory: "port against original after many steps",
  truth: "after many steps, against float64 numpy",
  coverage: "did the probe reach every branch",
  ledger: "as the ledger's entry says",
};

function panel(stage, close, step) {
  const heading = el("h3", { tabindex: "-1", id: "stage-name" }, mark(stage.verdict), " ", el("span", { class: "mono" }, stage.stage));
  const buttons = [["Previous", () => step(-1)], ["Next", () => step(1)], ["Close", close]];
  const bar = el("div", { class: "bar" }, heading, buttons.map(([text, action]) => on(el("button", { type: "button" }, text), "click", action)));
  const inputs = stage.inputs.length ? ` of ${stage.inputs.join(", ")}` : "";
  const facts = el("p", { class: "muted" }, [stage.operation && `${stage.operation}${inputs}`, stage.kind].filter(Boolean).join("; "));
  const checks = el("ul", { class: "checks" }, stage.findings.map(checked));
  const left = el("div", {}, el("h3", {}, "What its checks say"), stage.findings.length ? checks : el("p", {}, "No check was made here."));
  return el("div", {}, bar, facts, el("div", { class: "halves" }, left, el("div", {}, ...views(stage))));
}

function checked(finding) {
  const share = finding.share === null ? null : el("span", { class: "share" }, `${told(finding.share)} of its bound`);
  const means = el("span", { class: "muted" }, ` ${MEANS[finding.check] || ""}`);
  return el("li", { "data-id": finding.id }, share, verdictWord(finding.verdict), " ", el("b", {}, finding.check), means, el("p", {}, finding.message));
}

function views(stage) {
  if (!stage.views.length) return [el("h3", {}, "Errors"), el("p", {}, "There is nothing to draw: one side has no such array, or they differ in shape.")];
  const place = el("div", { id: "errors" });
  const failed = stage.views.find((view) => view.pictures && stage.findings.some((f) => f.check === view.check && f.verdict === "FAIL"));
  const first = failed || stage.views.find((view) => view.pictures) || stage.views[0];
  const choices = stage.views.map((view) => {
    const input = on(el("input", { type: "radio", name: "view", checked: view === first }), "change", () => place.replaceChildren(...errors(view)));
    return el("label", {}, input, view.unit === "bound" ? `${view.check}, in units of the bound` : "port − original, free-running");
  });
  place.append(...errors(first));
  return [el("h3", {}, "Where the errors are"), el("div", { class: "choices", role: "radiogroup", "aria-label": "Which errors are shown" }, choices), place];
}

function errors(view) {
  if (!view.histogram) return [el("p", {}, `All ${count(view.elements)} elements are equal, to the last bit.`)];
  const labels = ends(view);
  const { scale: kindOf, low, high } = view.histogram;
  const colours = kindOf === "share" ? shareColours(low, high) : COLOURS[kindOf];
  const drawn = view.pictures.map((picture) => figureOf(picture, colours, view));
  const legendOf = view.pictures.length ? [scale(colours, labels)] : [];
  return [el("div", { class: "pictures" }, drawn), ...legendOf, histogram(view), worstTable(view)];
}

function ends({ histogram: { scale: kindOf, low, high } }) { // what stands below a scale: text and place
  if (kindOf === "signed") return [[told(low), 0], ["0", 0.5], [`+${told(high)}`, 1]];
  return [low, 0, high].map((exponent) => [power(exponent), (exponent - low) / (high - low)]);
}

function figureOf(picture, colours, view) {
  const name = `error map, ${picture.axes}; worst at ${indexOf(view.worst[0])}: ${told(view.worst[0].measure)}`;
  const made = canvas(picture, colours, name);
  if (picture.rows < picture.cols / 6) made.classList.add("flat");
  const said = el("figcaption", {}, picture.axes);
  const levels = bytes(picture.data);
  on(made, "pointermove", (event) => {
    const box = made.getBoundingClientRect();
    const at = (length, from, extent) => Math.min(length - 1, Math.max(0, Math.floor(((from) / extent) * length)));
    const [row, col] = [at(picture.rows, event.clientY - box.top, box.height), at(picture.cols, event.clientX - box.left, box.width)];
    said.textContent = `cell ${row}, ${col}: about ${told(valueOf(levels[row * picture.cols + col], picture))}`;
  });
  on(made, "pointerleave", () => { said.textContent = picture.axes; });
  return el("figure", {}, made, said);
}

function valueOf(level, picture) {
  if (picture.scale === "signed") return ((level - 128) / 127) * picture.high;
  return level === 0 ? 0 : Number((10 ** (picture.low + ((level - 1) / 254) * (picture.high - picture.low))).toPrecision(2));
}
const indexOf = (row) => `(${row.index.join(", ")})`;

function worstTable(view) {
  const measure = view.unit === "bound" ? "x bound" : "port − original";
  const rows = view.worst.map((row) => [indexOf(row), whole(row.legacy), whole(row.port), told(row.measure)]);
  const expected = view.check === "own input" ? "reference" : "original";
  const made = table("The worst elements", ["index", expected, "port", measure], rows, [1, 2, 3]);
  made.querySelector("table").prepend(el("caption", { class: "muted" }, `The worst ${rows.length} of ${count(view.elements)}`));
  return made;
}

function histogram(view) {
  const { counts, low, high, zero } = view.histogram;
  const [width, height] = [420, 90];
  const top = Math.max(...counts, 1);
  const each = width / counts.length;
  const tall = (n) => (n ? 4 + (height - 8) * (Math.log10(n + 1) / Math.log10(top + 1)) : 0);
  const bars = counts.map((n, i) => {
    const over = view.unit === "bound" && low + (i / counts.length) * (high - low) >= -1e-9;
    const bar = { class: over ? "hist over" : "hist", x: i * each + 1, y: height - tall(n), width: each - 2, height: tall(n) };
    return draw("rect", bar, draw("title", {}, `${n} elements`));
  });
  const texts = ends(view).map(([text, at]) => draw("text", { x: at * width, y: height + 16, "text-anchor": at === 0 ? "start" : at === 1 ? "end" : "middle" }, text));
  const axis = draw("line", { class: "axis", x1: 0, x2: width, y1: height, y2: height });
  const name = `histogram of ${view.elements} elements, ${zero} of them exactly 0`;
  const chart = draw("svg", { class: "chart", viewBox: `0 0 ${width} ${height + 22}`, role: "img", "aria-label": name }, ...bars, axis, ...texts);
  return el("figure", {}, chart, el("figcaption", {}, `How many elements err by how much (heights logarithmic); exactly 0: ${count(zero)} of ${count(view.elements)}.`));
}
