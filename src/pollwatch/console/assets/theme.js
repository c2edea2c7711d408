// Light or dark: as the system says, until somebody chooses. The server reads the cookie, so no page flashes.
const root = document.documentElement;

function show() {
  for (const button of document.querySelectorAll("[data-theme-set]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeSet === (root.dataset.theme ?? "")));
  }
}

for (const chooser of document.querySelectorAll("[data-themes]")) {
  chooser.hidden = false;
  chooser.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-theme-set]")?.dataset.themeSet;
    if (chosen === undefined) return;
    if (chosen) root.dataset.theme = chosen;
    else delete root.dataset.theme;
    document.cookie = `theme=${chosen}; Path=/; SameSite=Strict; Max-Age=${chosen ? 31536000 : 0}`;
    show();
  });
}
show();
