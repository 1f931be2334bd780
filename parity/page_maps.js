// The maps of both sides under one slider, and the truth beside them where it is known.
function maps(found) {
  const [original, port, truth] = ["original", "port", "truth"].map((side) => found.sides[side]);
  const named = (picture, name) => canvas(picture, COLOURS.ndvi, `${name}, ${picture.rows} x ${picture.cols} cells`);
  const over = named(port, "the port's map");
  const line = el("div", { class: "line" });
  const stack = el("div", { class: "stack" }, named(original, "the original's map"), over, line, tag("left", "original"), tag("right", "port"));
  const slider = el("input", { type: "range", min: 0, max: 100, value: 50, step: 1, id: "swipe", "aria-label": "How much of the map is the original's" });
  const move = () => {
    over.style.setProperty("clip-path", `inset(0 0 0 ${slider.value}%)`);
    line.style.setProperty("left", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", `original ${slider.value} %, port ${100 - slider.value} %`);
  };
  on(slider, "input", move);
  on(stack, "pointermove", (event) => {
    if (event.pointerType === "mouse" && !event.buttons) return;
    const box = stack.getBoundingClientRect();
    slider.value = String(Math.round((100 * (event.clientX - box.left)) / box.width));
    move();
  });
  move();
  const labels = [[told(found.low), 0], ["NDVI", 0.5], [told(found.high), 1]];
  const swipe = el("figure", {}, stack, slider, el("figcaption", {}, `${found.stage}: drag, or use the arrow keys on the slider.`));
  const beside = truth ? [el("figure", { class: "truth" }, named(truth, "the truth"), el("figcaption", {}, "What was there."))] : [];
  return [el("div", { class: "maps" }, swipe, ...beside), scale(COLOURS.ndvi, labels)];
}

const tag = (side, text) => el("span", { class: `tag ${side}`, "aria-hidden": "true" }, text);
