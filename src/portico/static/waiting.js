// Pages that mail a code: another mail is worth waiting for. Signing up: the time zone need not be asked.

for (const button of document.querySelectorAll("[data-wait]")) {
  const words = button.textContent;
  const freeAt = performance.now() + 1000 * Number(button.dataset.wait);
  const tick = () => {
    const left = Math.ceil((freeAt - performance.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? button.dataset.again.replace("{seconds}", left) : words;
    if (left > 0) setTimeout(tick, 250);
  };
  tick();
}

for (const input of document.querySelectorAll("[data-time-zone]")) {
  input.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
}
