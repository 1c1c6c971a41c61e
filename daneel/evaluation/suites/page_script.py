"""The script of the page: sorts, filters and opens the rows of one table, and nothing else.

Without it the page is whole: every row is open, and there are no controls that would do nothing.
"""

import base64
import hashlib

SCRIPT = """
(() => {
  "use strict";
  const table = document.getElementById("skills");
  if (!table) return;
  const bodies = [...table.tBodies], heads = [...table.querySelectorAll("th[data-key]")];
  const form = document.getElementById("filters"), count = document.getElementById("count");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  // A skill without the figure comes last, whichever way the others are sorted.
  function compare(one, other, key, sign) {
    const a = one.dataset[key] ?? "", b = other.dataset[key] ?? "";
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
  }
  function sort(key, down) {
    const sign = down ? -1 : 1;
    const order = (a, b) => compare(a, b, key, sign) || a.dataset.order - b.dataset.order;
    table.append(...bodies.sort(order));
    for (const head of heads) {
      if (head.dataset.key !== key) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", down ? "descending" : "ascending");
    }
    form.elements.sort.value = key + (down ? " down" : " up");
  }
  function filter() {
    const words = form.elements.text.value.toLowerCase().split(/\\s+/).filter(Boolean);
    const { block, split } = form.elements, rates = [];
    let shown = 0;
    for (const body of bodies) {
      const { dataset } = body;
      body.hidden = (block.value && dataset.block !== block.value)
        || (split.value && dataset.split !== split.value)
        || words.some((word) => !dataset.text.includes(word));
      if (body.hidden) continue;
      shown += 1;
      if (dataset.success) rates.push(+dataset.success);
    }
    const mean = (100 * rates.reduce((sum, rate) => sum + rate, 0)) / rates.length;
    const says = rates.length ? ", mean success " + mean.toFixed(1) + " %" : ", none scored";
    count.textContent = shown + " of " + bodies.length + " skills" + (shown ? says : "");
  }
  function toggle(button, more) {
    more.hidden = !more.hidden;
    button.setAttribute("aria-expanded", String(!more.hidden));
    for (const video of more.querySelectorAll("video")) {
      if (more.hidden) video.pause();
      else if (!still) video.play().catch(() => {});
    }
  }

  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      sort(head.dataset.key, now ? now === "ascending" : head.dataset.first === "down");
    });
  }
  for (const body of bodies) {
    const [row, more] = body.rows;
    const name = row.querySelector(".name"), button = document.createElement("button");
    button.type = "button";
    button.className = "name";
    button.append(...name.childNodes);
    button.setAttribute("aria-controls", more.id);
    button.setAttribute("aria-expanded", "false");
    name.replaceWith(button);
    more.hidden = true;
    row.classList.add("opens");
    // A press of the mouse that selected text is not meant to open anything.
    row.addEventListener("click", (event) => {
      if (!event.detail || !String(getSelection())) toggle(button, more);
    });
  }
  form.addEventListener("input", (event) => {
    if (event.target.name !== "sort") return filter();
    const [key, way] = event.target.value.split(" ");
    sort(key, way === "down");
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
})();
"""

_DIGEST = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; script-src 'sha256-{_DIGEST}'; style-src 'unsafe-inline'; "
    "img-src data:; media-src data:"
)
"""Nothing may be fetched, and no other script may run, whatever a name in the record contains."""
