import "./global.js";
import "htmx.org/dist/ext/hx-sse.js";
import "./forms.js";
import "./theme.js";
import "./passkeys.js";
import "./keys.js";
import "./paper.js";
