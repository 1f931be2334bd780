// The page: verdict and witness at the top, then one section after another, all drawn from the data above.
const names = Object.keys(DATA.exhibits);
const slots = {};

function section(id, title, intro) {
  const heading = `${id}-title`;
  const place = el("div", {});
  const made = el("section", { id, "aria-labelledby": heading }, el("h2", { id: heading }, title), intro ? el("p", { class: "muted" }, intro) : null, place);
  const entry = el("li", {}, el("a", { href: `#${id}` }, title));
  document.getElementById("main").append(made);
  document.getElementById("contents").append(entry);
  slots[id] = { place, made, entry };
}

function put(id, ...content) { // a section without content is not there, nor is its entry in the contents
  const { place, made, entry } = slots[id];
  place.replaceChildren(...content);
  made.hidden = entry.hidden = content.length === 0;
}

function top() {
  const says = { PASS: "Port and original are equivalent", FAIL: "Port and original are not equivalent" };
  const headline = says[DATA.verdict] || "Not proven equivalent";
  document.title = `${DATA.verdict}: parity report`;
  const failed = DATA.cases.filter((row) => row.verdict === "FAIL").length;
  const blamed = names.find((name) => DATA.exhibits[name].first_bad);
  document.getElementById("top").append(
    el("p", { class: "kicker" }, `Parity report; witness: ${DATA.witness}; ${DATA.written}`),
    el("div", { class: "verdict" }, mark(DATA.verdict), el("h1", {}, headline)),
    facts([["verdict", verdictWord(DATA.verdict)], ["cases that fail", `${failed} of ${DATA.cases.length}`], ["tensors compared", count(DATA.tensors)], ["numbers compared", count(DATA.numbers)], ...nearest()]),
    ...(blamed ? [blame(blamed, DATA.exhibits[blamed].first_bad)] : []),
    ...(DATA.verdict !== "PASS" && !blamed && DATA.unproven.length ? [el("p", { class: "note" }, `Not proven: ${DATA.unproven.join(", ")}`)] : []),
  );
}

function nearest() {
  const shares = DATA.cases.filter((row) => row.share !== null);
  if (!shares.length) return [];
  return [["largest share of a bound", told(shares.reduce((a, b) => (size(b.share) > size(a.share) ? b : a)).share)]];
}

function blame(name, finding) {
  const open = () => { show(name); openStage(finding.stage); };
  const button = on(el("button", { type: "button", class: "plain" }, `Open ${finding.stage}`), "click", open);
  return el("div", { class: "blame" }, el("p", {}, el("b", {}, "First bad stage: "), finding.message), button);
}

let current = null;
function show(name) {
  const exhibit = DATA.exhibits[name];
  current = { name, exhibit, ...chain(exhibit, openPanel) };
  const select = el("select", { id: "case" }, names.map((each) => el("option", { value: each, selected: each === name }, `${each}: ${DATA.exhibits[each].verdict}`)));
  on(select, "change", () => { show(select.value); document.getElementById("case").focus(); });
  const pick = el("p", { class: "pick" }, el("label", { for: "case" }, "Case shown"), select);
  const place = on(el("section", { id: "stage", hidden: true, "aria-labelledby": "stage-name" }), "keydown", escape);
  const partly = exhibit.verdict !== "PASS" && DATA.verdict === "PASS" ? el("p", { class: "muted" }, "What this case alone leaves unproven, another case proves.") : "";
  put("chain", ...[pick, partly].filter(Boolean), current.list, marksLegend(exhibit), current.said, place);
  const keys = el("ul", { class: "legend" }, el("li", {}, "bars: the stage alone, coloured by verdict"), el("li", {}, "dots: free-running"), el("li", {}, "low grey bars: equal to the last bit"));
  put("shares", shareChart(exhibit.stages, (stage) => openStage(stage.stage)), keys, shareTable(exhibit.stages));
  put("losses", ...(exhibit.curves.length ? [lineLegend(), el("div", { class: "curves" }, exhibit.curves.map(curveChart))] : []));
  put("maps", ...(exhibit.map ? maps(exhibit.map) : []));
  put("versions", versions(exhibit));
}

function openStage(name) {
  const stage = current.exhibit.stages.find((each) => each.stage === name);
  if (stage) openPanel(stage);
}

function openPanel(stage) {
  const place = document.getElementById("stage");
  const tile = current.tiles.find((each) => each.dataset.stage === stage.stage);
  const order = current.tiles.map((each) => each.dataset.stage);
  const step = (by) => openStage(order[(order.indexOf(stage.stage) + by + order.length) % order.length]);
  current.tiles.forEach((each) => each.setAttribute("aria-expanded", String(each === tile)));
  place.className = `panel ${kind(stage.verdict)}`;
  place.replaceChildren(panel(stage, closePanel, step));
  place.hidden = false;
  current.said.textContent = sentence(stage);
  document.getElementById("stage-name").focus({ preventScroll: true });
  place.scrollIntoView({ block: "nearest" });
}

function closePanel() {
  const tile = current.tiles.find((each) => each.getAttribute("aria-expanded") === "true");
  document.getElementById("stage").hidden = true;
  if (!tile) return;
  tile.setAttribute("aria-expanded", "false");
  tile.focus();
}

function escape(event) {
  if (event.key === "Escape") closePanel();
}

section("chain", "The chain of stages", "From what is read to what is written, in the order computed. Each tile is a stage; open one to see its errors.");
section("diagnosis", "Diagnosis", "Which known mistake, planted in the judge's own computation, gives what the port recorded.");
section("shares", "Share of bound, by stage", "The largest error of each stage in units of what rounding may do there; above the line is wrong.");
section("losses", "Losses", "");
section("maps", "Maps", "");
section("cases", "All cases", DATA.cases.length > 1 ? "What one case cannot show another must: a stage is proven where no case fails and one at least proves it." : "");
section("ledger", "Ledger", "");
section("zoo", "Zoo", "How many known wrong ports this judge catches.");
section("gate", "Paper gate", "What is known of the paper, asked of the port's own code.");
section("versions", "Versions and hashes", "");
top();
if (names.length) show(names[0]);
else ["chain", "shares", "losses", "maps", "versions"].forEach((id) => put(id));
put("cases", casesTable(DATA.cases, names, (name) => { show(name); document.getElementById("chain").scrollIntoView(); document.getElementById("case").focus({ preventScroll: true }); }));
put("diagnosis", ...(DATA.diagnosis ? diagnosis(DATA.diagnosis) : []));
put("ledger", ...(DATA.ledger && DATA.ledger.length ? ledgerList(DATA.ledger) : []));
put("zoo", ...(DATA.zoo ? zoo(DATA.zoo) : []));
put("gate", ...(DATA.gate ? gate(DATA.gate) : []));
document.getElementById("foot").append(el("p", {}, "One file, no network: everything shown is in this page. The same findings, under the same ids, are in the JSON, JUnit and SARIF files beside it."));
