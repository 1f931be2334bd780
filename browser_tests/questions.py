"""Questions that a page answers itself: scripts whose value a test reads."""

SHOW_CASE = "const s = document.getElementById('case'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))"
UNFOLD = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
OPEN_STAGE = "[...document.querySelectorAll('.tile')].find((each) => each.dataset.stage === arguments[0]).click()"
OUTLINE = "const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]"
"""Of what has the focus."""
INTRUDER = """
const s = document.createElement('script');
s.textContent = "document.title = 'run'";
document.body.append(s);
"""
"""Puts a script into the page."""
FIRST_CELL = """
const c = document.querySelector('.pictures canvas');
return [c.width, c.height, [...c.getContext('2d').getImageData(0, 0, 1, 1).data]];
"""
"""Of the first error map: columns, rows, the colour of its first cell."""
UNNAMED = """
const named = (e) => e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length);
return [...document.querySelectorAll('button, select, input, canvas, svg[role=img], [role=region]')]
  .filter((e) => !named(e)).map((e) => e.outerHTML.slice(0, 90));
"""
"""What a person works with, or is shown, and has no name."""
FAINT = """
const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (colour) => {
  const [r, g, b] = numbers(colour).map((v) => linear(v / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if (numbers(colour)[3] !== 0) return colour;
  }
  return 'rgb(255, 255, 255)';
};
const written = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
const faint = [];
for (const e of document.querySelectorAll('body *')) {
  if (!e.checkVisibility() || !written(e) || e.closest('script, style, noscript, option')) continue;
  const colour = e.closest('svg') ? getComputedStyle(e).fill : getComputedStyle(e).color;
  const [more, less] = [light(colour), light(behind(e))].sort((x, y) => y - x);
  if (e.tagName !== 'title' && (more + 0.05) / (less + 0.05) < 4.5) faint.push(e.textContent.slice(0, 40));
}
return faint;
"""
"""Texts whose contrast with what is behind them is below 4.5, the least that WCAG 2 AA allows (relative luminance)."""
