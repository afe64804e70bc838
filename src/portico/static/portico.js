// What makes the pages nicer. Each of them works without.

const all = (selector) => document.querySelectorAll(selector);

// Show or hide a password.
for (const button of all("[data-reveal]")) {
  const input = document.getElementById(button.dataset.reveal);
  const words = [button.textContent, button.dataset.hide];
  const reveal = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = words[Number(shown)];
    button.setAttribute("aria-pressed", shown);
  };
  button.hidden = false;
  button.addEventListener("click", () => reveal(input.type === "password"));
  input.form.addEventListener("submit", () => reveal(false));
}

// What went wrong is read first, also where only fields know the attribute "autofocus".
if (!("autofocus" in HTMLElement.prototype)) document.getElementById("failure")?.focus();

// The account menu closes on Escape and on a click elsewhere.
for (const menu of all("[data-menu]")) {
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
}

// A form is sent once, however often one clicks; coming back by the back button it can be sent again.
addEventListener("submit", ({ target: form, submitter }) => {
  if ("download" in form.dataset) return; // one stays on the page
  form.addEventListener("submit", stop, { capture: true });
  submitter?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.forms) form.removeEventListener("submit", stop, { capture: true });
  for (const button of all("[aria-busy]")) button.removeAttribute("aria-busy");
});
function stop(event) {
  event.preventDefault();
}

// Instants in the reader's own time, unless they have told us theirs.
for (const time of all("time[datetime]:not([data-zone])")) {
  const options = { dateStyle: "long", timeStyle: "short" };
  time.title = time.textContent;
  time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, options).format(new Date(time.dateTime));
}
