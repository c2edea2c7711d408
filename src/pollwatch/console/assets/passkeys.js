// Passkeys: the server says what to ask (JSON), the browser asks the authenticator, the answer goes back in a form.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function prepared(options) {
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const list of [options.excludeCredentials ?? [], options.allowCredentials ?? []]) {
    for (const each of list) each.id = bytes(each.id);
  }
  return options;
}

function answered(credential) {
  const response = {};
  for (const key of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[key]) response[key] = text(credential.response[key]);
  }
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    clientExtensionResults: {},
    response,
  });
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const note = form.querySelector("[data-passkey-note]");
  if (!window.PublicKeyCredential) {
    form.hidden = true;
    continue;
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    note.textContent = "";
    try {
      const asked = await fetch(form.dataset.ask, {
        method: "POST",
        headers: { "X-CSRF-Token": form.elements.csrf.value },
      });
      if (!asked.ok || !asked.headers.get("content-type")?.startsWith("application/json")) {
        location.reload();
        return;
      }
      const publicKey = prepared(await asked.json());
      const credential = await navigator.credentials[form.dataset.passkey]({ publicKey });
      form.elements.answer.value = answered(credential);
      form.submit();
    } catch (error) {
      note.textContent = error.message;
    }
  });
}
