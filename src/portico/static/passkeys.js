// Has the browser ask for a passkey, and sends the answer.

const FAULTS = { NotAllowedError: "cancelled", InvalidStateError: "held", SecurityError: "refused" };
let asked; // one request at a time: the autofill gives way to the button

if (self.PublicKeyCredential) {
  for (const form of document.querySelectorAll("[data-passkey]")) if (form.dataset.passkey) offer(form);
}

async function offer(form) {
  const button = form.querySelector("button");
  const status = form.querySelector("[role=status]");
  show(form, true);
  if ("platform" in form.dataset && !(await can("isUserVerifyingPlatformAuthenticatorAvailable"))) return show(form, false);

  button.addEventListener("click", async () => {
    if (button.ariaBusy) return;
    status.textContent = "";
    button.ariaBusy = "true"; // until the next page is there; the focus stays
    try {
      send(form, await ask(form));
    } catch ({ name }) {
      button.ariaBusy = null;
      status.textContent = status.dataset[FAULTS[name]] ?? status.dataset.failed;
      listen(form);
    }
  });
  listen(form);
}

function show(form, isAble) {
  const unable = document.querySelector("[data-unable]");
  form.hidden = !isAble;
  if (unable) unable.hidden = isAble;
}

async function can(question) {
  return PublicKeyCredential[question]?.().catch(() => false);
}

// By autofill. Nobody has asked, so nobody is told if it fails.
async function listen(form) {
  if (!("conditional" in form.dataset) || !(await can("isConditionalMediationAvailable"))) return;
  ask(form, "conditional").then((credential) => send(form, credential), () => {});
}

function ask({ dataset }, mediation) {
  asked?.abort();
  asked = new AbortController();
  const publicKey = JSON.parse(dataset.passkey);
  publicKey.challenge = bytes(publicKey.challenge);
  if (publicKey.user) publicKey.user.id = bytes(publicKey.user.id);
  for (const known of publicKey.excludeCredentials ?? publicKey.allowCredentials) known.id = bytes(known.id);
  if ("platform" in dataset) publicKey.authenticatorSelection.authenticatorAttachment = "platform";
  return navigator.credentials[dataset.ceremony]({ publicKey, signal: asked.signal, ...(mediation && { mediation }) });
}

function send(form, { id, type, response, authenticatorAttachment }) {
  const answer = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"])
    if (response[name]) answer[name] = text(response[name]);
  if (response.getTransports) answer.transports = response.getTransports();
  form.elements.credential.value = JSON.stringify({ id, rawId: id, type, response: answer, authenticatorAttachment });
  form.elements.stay_signed_in?.remove();
  const stay = document.getElementsByName("stay_signed_in")[0];
  if (stay) form.append(Object.assign(stay.cloneNode(), { hidden: true }));
  form.requestSubmit();
}

// Base64url without padding.
function bytes(written) {
  return Uint8Array.from(atob(written.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
}

function text(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
