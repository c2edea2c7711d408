// The extensions of htmx look for it where a page without a bundler would have it.
import htmx from "htmx.org/dist/htmx.esm.js";

window.htmx = htmx;
