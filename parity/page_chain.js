// The chain of stages: groups in the order computed, a tile a stage, one stop of the tab key for all tiles.
const GROUPS = { // what else belongs to a part of the program, by the first word of its stage's name
  mask: "patches", border: "patches", targets: "patches", validation: "validation", target: "batch", trained: "steps",
  step: "steps", grad: "gradients", weight: "weights",
};

function groupOf(stage) {
  const parts = stage.stage.split("/");
  if (parts[0] === "loss" && parts.length > 1) return "steps";
  return Object.hasOwn(GROUPS, parts[0]) ? GROUPS[parts[0]] : parts[0];
}

function grouped(stages) {
  const groups = new Map();
  for (const stage of stages) {
    const name = groupOf(stage);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(stage);
  }
  return groups;
}

const RANK = ["NOT COMPARED", "PASS", "NOT EXERCISED", "VACUOUS", "FAIL"];
const worstOf = (stages) => stages.map((stage) => stage.verdict).sort((a, b) => RANK.indexOf(b) - RANK.indexOf(a))[0];

function largest(stage, checks) {
  const made = stage.findings.filter((finding) => finding.share !== null && (!checks || checks.includes(finding.check)));
  return made.reduce((best, finding) => (best === null || size(finding.share) > size(best) ? finding.share : best), null);
}

function sentence(stage) {
  const share = largest(stage);
  return `${stage.stage}: ${WORDS[stage.verdict] || stage.verdict.toLowerCase()}${share === null ? "" : `, ${told(share)} of its bound`}`;
}

function chain(exhibit, open) {
  const said = el("output", { class: "said mono" }, "Choose a stage: arrow keys move, Enter opens, Escape closes.");
  const blamed = exhibit.first_bad ? exhibit.first_bad.stage : null;
  const tiles = [];
  const tile = (stage) => {
    const first = exhibit.blamed.includes(stage.stage);
    const follows = stage.verdict === "FAIL" && !first;
    const attributes = { type: "button", class: `tile ${kind(stage.verdict)}${first ? " first" : follows ? " follows" : ""}`, "aria-expanded": "false", "aria-controls": "stage" };
    const made = el("button", { ...attributes, "aria-label": `${sentence(stage)}${first ? "; to blame" : follows ? "; follows from another stage" : ""}`, "data-stage": stage.stage }, mark(stage.verdict));
    made.tabIndex = -1;
    for (const event of ["focus", "pointerenter"]) on(made, event, () => { said.textContent = sentence(stage); });
    on(made, "click", () => { settle(made); open(stage, made); });
    tiles.push(made);
    return made;
  };
  const settle = (made) => tiles.forEach((each) => { each.tabIndex = each === made ? 0 : -1; });
  const groups = [...grouped(exhibit.stages)].map(([name, stages]) => {
    const box = el("div", { class: "tiles" }, stages.map(tile));
    box.style.setProperty("--cols", String(Math.max(1, Math.ceil(Math.sqrt(stages.length * 1.6)))));
    return el("li", { class: kind(worstOf(stages)) }, el("h3", {}, mark(worstOf(stages)), ` ${name}`), box);
  });
  if (tiles.length) settle(tiles.find((each) => each.dataset.stage === blamed) || tiles[0]);
  const list = on(el("ol", { class: "chain" }, groups), "keydown", (event) => {
    const moves = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -tiles.length, End: tiles.length };
    if (!(event.key in moves) || !tiles.includes(document.activeElement)) return;
    event.preventDefault();
    const place = tiles.indexOf(document.activeElement) + moves[event.key];
    const next = tiles[Math.min(tiles.length - 1, Math.max(0, place))];
    settle(next);
    next.focus();
  });
  return { list, said, tiles };
}

function marksLegend(exhibit) {
  const meanings = { PASS: "passes", FAIL: "fails", VACUOUS: "proves nothing: constant or within its own bound", "NOT EXERCISED": "the probe never got there", "NOT COMPARED": "no check here" };
  const here = Object.entries(meanings).filter(([verdict]) => exhibit.stages.some((stage) => stage.verdict === verdict));
  const blame = exhibit.blamed.length ? [el("li", {}, el("span", { class: "swatch first FAIL" }, mark("FAIL")), " to blame"), el("li", {}, el("span", { class: "swatch follows FAIL" }, mark("FAIL")), " follows from what is to blame")] : [];
  return el("ul", { class: "legend" }, here.map(([verdict, text]) => el("li", {}, mark(verdict), ` ${text}`)), blame);
}
