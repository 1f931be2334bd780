// Two charts over everything: each stage's share of its bound, and the losses of both sides.
const ALONE = ["integrity", "given", "reference", "teacher-forced", "own input", "trajectory", "truth", "ledger"];
const LOW = -6; // power of ten of a share, as in the pictures

function shareChart(stages, open) {
  const [left, width, height, below] = [46, 1040, 260, 92];
  const shares = stages.flatMap((stage) => stage.findings.map((finding) => size(finding.share))).filter((share) => share > 0 && Number.isFinite(share));
  const HIGH = Math.max(2, 2 * Math.ceil(Math.log10(Math.max(1, ...shares)) / 2));
  const y = (share) => height - ((Math.min(HIGH, Math.max(LOW, Math.log10(size(share)))) - LOW) / (HIGH - LOW)) * (height - 12);
  const each = (width - left) / Math.max(1, stages.length);
  const parts = [];
  let from = left;
  let told0 = -99;
  [...grouped(stages)].forEach(([name, members], i) => {
    const extent = members.length * each;
    if (i % 2) parts.push(draw("rect", { class: "band", x: from, y: 0, width: extent, height: height + 4 }));
    const middle = from + extent / 2;
    if (middle - told0 > 12) {
      parts.push(draw("text", { transform: `translate(${middle + 4} ${height + 10}) rotate(-90)`, "text-anchor": "end" }, name));
      told0 = middle;
    }
    from += extent;
  });
  for (let exponent = LOW; exponent <= HIGH; exponent += HIGH > 8 ? 4 : 2) {
    const at = y(10 ** exponent);
    parts.push(draw("line", { class: "axis", x1: left, x2: width, y1: at, y2: at }), draw("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, power(exponent).replace(": the bound", "")));
  }
  parts.push(draw("line", { class: "limit", x1: left, x2: width, y1: y(1), y2: y(1) }), draw("text", { class: "at-limit", x: width - 4, y: y(1) - 5, "text-anchor": "end" }, "the bound"));
  [...grouped(stages).values()].flat().forEach((stage, i) => parts.push(...column(stage, left + i * each, each, y, height, open)));
  const name = `share of bound of ${stages.length} stages, logarithmic; the same numbers stand in the table below`;
  const chart = draw("svg", { class: "chart", viewBox: `0 0 ${width} ${height + below}`, role: "img", "aria-label": name }, ...parts);
  return el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Chart of shares" }, el("div", { class: "wide" }, chart));
}

function column(stage, x, each, y, height, open) {
  const alone = largest(stage, ALONE);
  const free = largest(stage, ["free-running"]);
  const parts = [];
  const inner = Math.max(1, each - Math.min(2, each / 3));
  if (alone !== null && size(alone) > 0) {
    const top = Math.min(y(alone), height - 2);
    parts.push(draw("rect", { class: `column ${kind(worstOf(stage.findings.filter((finding) => ALONE.includes(finding.check))))}`, x, y: top, width: inner, height: height - top }));
  } else if (alone !== null) {
    parts.push(draw("rect", { class: "exact", x, y: height - 3, width: inner, height: 3 }));
  }
  if (free !== null && size(free) > 0) parts.push(draw("circle", { class: "dot", cx: x + inner / 2, cy: y(free), r: Math.min(3.2, Math.max(1.6, each / 2)) }));
  const hit = draw("rect", { class: "hit", x, y: 0, width: each, height }, draw("title", {}, sentence(stage)));
  parts.push(on(hit, "click", () => open(stage)));
  return parts;
}

function shareTable(stages) {
  const columns = [["given", "teacher-forced", "own input"], ["reference"], ["free-running"], ["trajectory", "truth"]];
  const rows = stages.map((stage) => [stage.stage, verdictWord(stage.verdict), ...columns.map((checks) => told(largest(stage, checks)))]);
  const heads = ["stage", "verdict", "alone", "original against numpy", "free-running", "many steps"];
  const made = table("Share of bound of every stage", heads, rows, [2, 3, 4, 5]);
  made.classList.add("tall");
  return el("details", {}, el("summary", {}, "The same as a table"), made);
}

function curveChart(curve) {
  const sides = [floats(curve.legacy), floats(curve.port)];
  const values = sides.flatMap((side) => [...side]).filter(Number.isFinite);
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (!(high > low)) [low, high] = [low - 0.5, low + 0.5];
  const [left, width, height] = [58, 420, 180];
  const x = (i) => left + (i / Math.max(1, sides[0].length - 1)) * (width - left - 8);
  const y = (value) => 8 + ((high - value) / (high - low)) * (height - 16);
  const points = (side) => [...side].map((value, i) => (Number.isFinite(value) ? `${x(i).toFixed(1)},${y(value).toFixed(1)}` : null)).filter(Boolean).join(" ");
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => low + part * (high - low)).flatMap((value) => [
    draw("line", { class: "axis", x1: left, x2: width - 8, y1: y(value), y2: y(value) }),
    draw("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, told(Number(value.toPrecision(3)))),
  ]);
  const lines = ["legacy-line", "port-line"].map((line, i) => draw("polyline", { class: line, points: points(sides[i]) }));
  const ends = [draw("text", { x: left, y: height + 14 }, "1"), draw("text", { x: width - 8, y: height + 14, "text-anchor": "end" }, String(curve.length))];
  const name = `${curve.stage}: ${curve.length} losses of original and port; largest difference ${told(curve.largest)}`;
  const chart = draw("svg", { class: "chart", viewBox: `0 0 ${width} ${height + 20}`, role: "img", "aria-label": name }, ...ticks, ...lines, ...ends);
  return el("figure", {}, el("h3", { class: "mono" }, curve.stage), chart, el("figcaption", {}, `${curve.length} values, first ${told(sides[0][0])}, last ${told(sides[0].at(-1))}; largest difference of the two sides ${told(curve.largest)}.`));
}

function lineLegend() {
  const sample = (line) => draw("svg", { width: 44, height: 12, "aria-hidden": "true" }, draw("line", { class: line, x1: 2, x2: 42, y1: 6, y2: 6 }));
  return el("ul", { class: "legend" }, el("li", {}, sample("legacy-line"), " original"), el("li", {}, sample("port-line"), " port, drawn over it"));
}
