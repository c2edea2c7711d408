// Printing and copying: buttons that need a script, and are not there without one.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = [...document.getElementById(button.dataset.copy).children].map((each) => each.textContent).join("\n\n");
    await navigator.clipboard.writeText(text);
    button.setAttribute("aria-pressed", "true");
  });
}
// Filters stand open where there is room for them.
for (const filters of document.querySelectorAll("[data-filters]")) {
  filters.open = window.matchMedia("(min-width: 76rem)").matches;
}
