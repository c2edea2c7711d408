// Every request that changes something says that it comes from our own page.
document.addEventListener("htmx:config:request", (event) => {
  const token = document.querySelector('meta[name="csrf"]')?.content;
  if (token) event.detail.ctx.request.headers["X-CSRF-Token"] = token;
});

// What was sent and taken is not sent again by mistake.
document.addEventListener("htmx:after:request", (event) => {
  const { sourceElement: source, response } = event.detail.ctx ?? {};
  if (source?.matches?.("form[data-clears]") && response?.status < 400) source.reset();
});
