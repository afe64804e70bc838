// Copying what is to be kept, and saying how that went. Without script it can be selected.

for (const button of document.querySelectorAll("[data-copy]")) {
  const status = button.parentElement.querySelector("[role=status]");
  let fading;
  button.hidden = false;
  button.addEventListener("click", async () => {
    clearTimeout(fading);
    status.textContent = ""; // so that it is said again each time
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      status.textContent = status.dataset.done;
      fading = setTimeout(() => (status.textContent = ""), 4000);
    } catch {
      getSelection().selectAllChildren(document.getElementById(button.dataset.of));
      status.textContent = status.dataset.failed;
    }
  });
}
