"use strict";
(() => {
  const articles = [...document.querySelectorAll("article")];
  const current = () => articles.findIndex((a) => a.id === decodeURIComponent(location.hash.slice(1)));
  const go = (index) => {
    const article = articles[Math.max(0, Math.min(articles.length - 1, index))];
    if (article) { location.hash = article.id; article.focus({ preventScroll: true }); }
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input,textarea")) return;
    if (event.key === "j") go(current() + 1);
    else if (event.key === "k") go(current() - 1);
    else if (event.key === "t") { history.replaceState(null, "", "#"); scrollTo(0, 0); }
    else if (event.key === "?") document.querySelector("footer").scrollIntoView();
  });
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
})();
