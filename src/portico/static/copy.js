// Copying what is to be kept. Without script it can be selected.

for (const button of document.querySelectorAll("[data-copy]")) {
  const words = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = button.dataset.copied;
      setTimeout(() => (button.textContent = words), 4000);
    } catch {
      getSelection().selectAllChildren(document.getElementById(button.dataset.of));
    }
  });
}
