// What stands beside the comparison: diagnosis, all cases, ledger, zoo, gate, versions.
function casesTable(cases, shown, show) {
  const rows = cases.map((row) => {
    const name = shown.includes(row.name) ? on(el("button", { type: "button", class: "plain mono" }, row.name), "click", () => show(row.name)) : el("span", { class: "mono" }, row.name);
    return [name, verdictWord(row.verdict), count(row.tensors), count(row.numbers), told(row.share), row.first_bad || row.nearest || ""];
  });
  const made = table("All cases", ["case", "verdict", "tensors", "numbers", "largest share", "first bad, or nearest to its bound"], rows, [2, 3, 4]);
  made.classList.add("tall");
  return made;
}

function diagnosis(cases) {
  return Object.entries(cases).map(([name, found]) => {
    const said = found.explanations.length ? `${count(found.tried)} known mistakes and pairs of them were tried.` : "No stage is to blame by itself: there was nothing to try.";
    return el("div", { class: "case" }, el("p", {}, el("b", { class: "mono" }, name), `: ${said}`), el("ul", { class: "entries" }, found.explanations.map(explanation)));
  });
}

function explanation(one) {
  const names = (candidate, part) => candidate.mistakes.map((mistake) => mistake[part]);
  const known = one.candidates.map((candidate) => el("li", {}, el("b", {}, names(candidate, "told").join(" and ")), " ",
    el("code", {}, names(candidate, "name").join(" + ")), el("span", { class: "muted" }, ` leaves an error of ${told(candidate.share)} of the bound`)));
  const sure = !known.length ? "No known mistake explains it." : one.certain ? "Certain: no other known mistake explains it." : "Not certain: these cannot be told apart on these inputs.";
  const before = typeof one.share_before === "string" ? "It may not differ at all, and does." : `As recorded, its error is ${told(one.share_before)} x its bound.`;
  return el("li", {}, el("h3", { class: "mono" }, one.stage), known.length ? el("ul", {}, known) : null, el("p", { class: "muted" }, `${sure} ${before}`));
}

function ledgerList(entries) {
  const shown = entries.map((entry) => el("li", {}, el("h3", {}, entry.title),
    el("div", { class: "sides" }, el("p", {}, el("b", {}, "original"), entry.original), el("p", {}, el("b", {}, "port"), entry.port)),
    el("p", { class: "muted" }, entry.reason, " Switch ", el("code", {}, `${entry.switch}: ${entry.as_original}, ${entry.own}`), "; first seen at ", el("code", {}, entry.stage), ".")));
  return [el("p", {}, `${entries.length} intended differences, each with a switch that makes the port do as the original and two runs that prove it.`),
    el("details", {}, el("summary", {}, "All entries"), el("ul", { class: "entries" }, shown))];
}

function facts(pairs) {
  return el("dl", { class: "facts" }, pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function zoo(found) {
  const all = found.mutations || [];
  const of = (test, among = all) => `${among.filter(test).length} of ${among.length}`;
  const sound = found.sound || { alarms: 0, comparisons: 0 };
  const alarms = (found.alarms || []).length + sound.alarms;
  const parts = [facts([["wrong ports caught", of((m) => m.caught)], ["at the right stage", of((m) => m.right_stage)],
    ["named, of those known", of((m) => m.diagnosed, all.filter((m) => m.known))], ["false alarms", `${alarms} in ${count(sound.comparisons)} sound runs`]])];
  const names = (m) => (m.names || m.diagnosis || []).map((name) => (typeof name === "string" ? name : JSON.stringify(name))).join("; or ");
  const rows = all.map((m) => [el("span", { class: "mono" }, m.id), m.title, verdictOf(m.caught, "caught", "survived"), el("code", {}, m.stage || ""), told(m.share), names(m)]);
  const tall = table("The zoo", ["mistake", "what the wrong port does", "judged", "at", "x bound", "diagnosis"], rows, [4]);
  tall.classList.add("tall");
  parts.push(el("details", {}, el("summary", {}, "Every mistake"), tall));
  if ((found.doses || []).length) {
    const doses = found.doses.map((d) => [d.title, d.dtype || "", told(d.smallest_caught), told(d.largest_missed), d.unit || "", el("code", {}, d.stage || "")]);
    parts.push(el("details", {}, el("summary", {}, "The smallest doses that are still caught"), table("Doses", ["mistake", "dtype", "smallest caught", "largest missed", "unit", "at"], doses, [2, 3])));
  }
  return parts;
}

function verdictOf(good, yes, no) {
  return el("span", { class: `word ${good ? "PASS" : "FAIL"}` }, mark(good ? "PASS" : "FAIL"), " ", good ? yes : no);
}

const GATED = { held: "PASS", FAILED: "FAIL", "not gated": "NOT COMPARED" };
function gate(found) {
  const rows = (found.rows || []).map((row) => [row.id, String(row.value), String(row.measured), el("span", { class: `word ${kind(GATED[row.verdict] || "FAIL")}` }, mark(GATED[row.verdict] || "FAIL"), " ", row.verdict)]);
  const tall = table("The gate", ["what", "expected", "the port", "verdict"], rows);
  tall.classList.add("tall");
  return [facts([["held", count(found.held)], ["failed", count(found.failed)], ["not gated", count(found.not_gated)]]),
    el("details", {}, el("summary", {}, "Every number"), tall)];
}

function versions(exhibit) {
  const stack = (side) => Object.entries(side.stack || {}).map(([name, version]) => `${name} ${typeof version === "object" ? JSON.stringify(version) : version}`).join(", ");
  const hash = (text) => el("code", {}, text || "");
  const line = (name, read) => [name, read(exhibit.legacy), read(exhibit.port)];
  return table("Versions and hashes", ["", "original", "port"], [
    line("witness", (side) => side.witness || side.side || ""), line("stack", stack), line("dtype", (side) => side.dtype || ""),
    line("trace, sha256", (side) => hash(side.sha256)), line("code, sha256", (side) => hash(side.code_sha256)), line("request, sha256", (side) => hash(side.request_sha256)),
  ]);
}
