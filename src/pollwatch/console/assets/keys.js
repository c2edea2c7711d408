// The inbox by keyboard. Focus is the place: j and k move it from title to title, so a screen reader goes along.
const typing = (element) => element?.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
const rows = () => [...document.querySelectorAll("#list > .incident")];
const linkOf = (row) => row?.querySelector(".what a");
let place = null; // the id of the row where somebody last was: it survives rows that come and go

function rowHere() {
  return document.activeElement?.closest?.("#list > .incident") ?? (place && document.getElementById(place));
}

function go(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(rowHere());
  const next = all[Math.min(Math.max(at < 0 ? 0 : at + step, 0), all.length - 1)];
  for (const row of all) row.classList.toggle("here", row === next);
  linkOf(next)?.focus();
}

function chosen() {
  return rows().filter((row) => row.querySelector("input:checked"));
}

// What a key does is done to the chosen rows; where none is chosen, to the one where somebody is.
function chooseHere() {
  if (chosen().length) return true;
  const box = rowHere()?.querySelector("input[type=checkbox]");
  if (!box) return false;
  box.checked = true;
  tell();
  return true;
}

function tell() {
  const spot = document.querySelector("[data-chosen]");
  const n = chosen().length;
  if (spot) spot.textContent = n ? `${n} ✓` : "";
  for (const button of document.querySelectorAll("[data-two]")) button.disabled = n < 2;
  for (const link of document.querySelectorAll("[data-export]")) {
    const ids = chosen().map((row) => `id=${encodeURIComponent(row.querySelector("input").value)}`);
    if (ids.length) link.href = `${link.dataset.export}?status=all&${ids.join("&")}`;
  }
}

const deeds = {
  j: () => go(1),
  k: () => go(-1),
  x: () => {
    const box = rowHere()?.querySelector("input[type=checkbox]");
    if (box) {
      box.checked = !box.checked;
      tell();
    }
  },
  e: () => press("e"),
  s: () => press("s"),
  ".": () => more(),
  "/": () => document.getElementById("q")?.focus(),
  u: () => document.querySelector("[data-up]")?.click(),
  "?": () => document.getElementById("help")?.showModal(),
};

function press(key) {
  const inbox = document.querySelector("[data-inbox]");
  if (inbox && !chooseHere()) return;
  document.querySelector(`button[data-key="${key}"]`)?.click();
}

function more() {
  const dialog = document.getElementById("more");
  if (dialog) {
    if (chooseHere()) {
      tell();
      dialog.showModal();
    }
    return;
  }
  document.querySelector('summary[data-key="."]')?.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const deed = deeds[event.key];
  if (!deed) return;
  event.preventDefault();
  deed();
});

document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("#list > .incident");
  if (row) place = row.id;
});
document.addEventListener("change", tell);

for (const [selector, act] of [
  ["[data-help]", () => deeds["?"]()],
  ["[data-more]", () => more()],
]) {
  for (const button of document.querySelectorAll(selector)) {
    button.hidden = false;
    button.addEventListener("click", act);
  }
}
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
});
document.addEventListener("htmx:after:request", (event) => {
  const source = event.detail.ctx?.sourceElement;
  if (source?.matches?.("[data-ends]")) source.closest("dialog")?.close();
  if (source?.closest?.("[data-inbox]") && source.matches("button")) {
    for (const row of chosen()) row.querySelector("input").checked = false;
    tell();
  }
});

// What arrives while somebody looks is marked for a moment, and the place stays where it was.
let known = new Set(rows().map((row) => row.id));
document.addEventListener("htmx:after:swap", () => {
  const here = place && document.getElementById(place);
  for (const row of rows()) {
    row.classList.toggle("here", row === here);
    if (!known.has(row.id)) row.classList.add("fresh");
  }
  known = new Set(rows().map((row) => row.id));
  tell();
});
tell();
